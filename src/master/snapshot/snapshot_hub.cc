#include "master/snapshot/snapshot_hub.h"

#include "daemon/await_callback.h"

namespace tepui::master {
namespace {

/// So many changes wait at most: what a reader has to wait for takes some milliseconds.
constexpr std::size_t deferred_changes_max = 4096;

bool must_be_taken(const Changes& changes) {
    return changes.everything || changes.frameworks.size() + changes.agents.size() +
                                         changes.tasks.size() + changes.offers.size() >
                                     deferred_changes_max;
}

}  // namespace

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

asio::awaitable<void> SnapshotHub::ask(std::function<void(const State&)> question) {
    auto start = [this, question](std::function<void(bool)> callback) {
        {
            const std::scoped_lock lock(mutex_);
            questions_.emplace_back([question, callback](const State& state) {
                question(state);
                callback(true);
            });
        }
        wake_loop_();
    };
    co_await daemon::await_callback<bool>(std::move(start));
}

void SnapshotHub::abandon_readers() {
    std::vector<std::function<void(std::shared_ptr<const Snapshot>)>> snapshot_readers;
    std::vector<std::function<void(CoreNumbers)>> number_readers;
    std::deque<std::function<void(const State&)>> questions;
    const std::scoped_lock lock(mutex_);
    questions.swap(questions_);
    snapshot_readers.swap(snapshot_readers_);
    number_readers.swap(number_readers_);
}

std::shared_ptr<const Snapshot> SnapshotHub::now() {
    catch_up();
    return builder_.publish();
}

void SnapshotHub::catch_up() { builder_.apply(*state_, (*take_changes_)()); }

void SnapshotHub::batch_ended(const State& state, const std::function<Changes()>& take_changes) {
    state_ = &state;
    take_changes_ = &take_changes;
    if (must_be_taken(state.changes)) catch_up();
    std::vector<std::function<void(std::shared_ptr<const Snapshot>)>> snapshot_readers;
    std::vector<std::function<void(CoreNumbers)>> number_readers;
    std::function<void(const State&)> question;
    bool more_questions = false;
    {
        const std::scoped_lock lock(mutex_);
        snapshot_readers.swap(snapshot_readers_);
        number_readers.swap(number_readers_);
        if (!questions_.empty()) {
            question = std::move(questions_.front());
            questions_.pop_front();
            more_questions = !questions_.empty();
        }
    }
    if (!snapshot_readers.empty()) {
        const auto snapshot = now();
        for (const auto& reader : snapshot_readers) reader(snapshot);
    }
    for (const auto& reader : number_readers) reader(core_numbers(state));
    if (question) question(state);
    if (more_questions) wake_loop_();
}

}  // namespace tepui::master
