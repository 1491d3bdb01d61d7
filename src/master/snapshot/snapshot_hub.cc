#include "master/snapshot/snapshot_hub.h"

#include "daemon/await_callback.h"

namespace tepui::master {

asio::awaitable<std::shared_ptr<const Snapshot>> SnapshotHub::current() {
    auto start = [this](std::function<void(std::shared_ptr<const Snapshot>)> callback) {
        {
            const std::scoped_lock lock(mutex_);
            snapshot_readers_.push_back(std::move(callback));
        }
        wake_loop_();
    };
    co_return co_await daemon::await_callback<std::shared_ptr<const Snapshot>>(std::move(start));
}

asio::awaitable<Counters> SnapshotHub::counters() {
    auto start = [this](std::function<void(Counters)> callback) {
        {
            const std::scoped_lock lock(mutex_);
            counter_readers_.push_back(std::move(callback));
        }
        wake_loop_();
    };
    co_return co_await daemon::await_callback<Counters>(std::move(start));
}

void SnapshotHub::abandon_readers() {
    std::vector<std::function<void(std::shared_ptr<const Snapshot>)>> snapshot_readers;
    std::vector<std::function<void(Counters)>> counter_readers;
    const std::scoped_lock lock(mutex_);
    snapshot_readers.swap(snapshot_readers_);
    counter_readers.swap(counter_readers_);
}

void SnapshotHub::batch_ended(const State& state, const Changes& changes) {
    builder_.apply(state, changes);
    std::vector<std::function<void(std::shared_ptr<const Snapshot>)>> snapshot_readers;
    std::vector<std::function<void(Counters)>> counter_readers;
    {
        const std::scoped_lock lock(mutex_);
        snapshot_readers.swap(snapshot_readers_);
        counter_readers.swap(counter_readers_);
    }
    if (!snapshot_readers.empty()) {
        const auto snapshot = builder_.publish();
        for (const auto& reader : snapshot_readers) reader(snapshot);
    }
    for (const auto& reader : counter_readers) reader(state.counters);
}

}  // namespace tepui::master
