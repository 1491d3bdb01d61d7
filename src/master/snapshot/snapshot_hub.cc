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

asio::awaitable<CoreNumbers> SnapshotHub::numbers() {
    auto start = [this](std::function<void(CoreNumbers)> callback) {
        {
            const std::scoped_lock lock(mutex_);
            number_readers_.push_back(std::move(callback));
        }
        wake_loop_();
    };
    co_return co_await daemon::await_callback<CoreNumbers>(std::move(start));
}

void SnapshotHub::abandon_readers() {
    std::vector<std::function<void(std::shared_ptr<const Snapshot>)>> snapshot_readers;
    std::vector<std::function<void(CoreNumbers)>> number_readers;
    const std::scoped_lock lock(mutex_);
    snapshot_readers.swap(snapshot_readers_);
    number_readers.swap(number_readers_);
}

void SnapshotHub::batch_ended(const State& state, const Changes& changes) {
    builder_.apply(state, changes);
    std::vector<std::function<void(std::shared_ptr<const Snapshot>)>> snapshot_readers;
    std::vector<std::function<void(CoreNumbers)>> number_readers;
    {
        const std::scoped_lock lock(mutex_);
        snapshot_readers.swap(snapshot_readers_);
        number_readers.swap(number_readers_);
    }
    if (!snapshot_readers.empty()) {
        const auto snapshot = builder_.publish();
        for (const auto& reader : snapshot_readers) reader(snapshot);
    }
    for (const auto& reader : number_readers) reader(core_numbers(state));
}

}  // namespace tepui::master
