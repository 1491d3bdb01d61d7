#include "master/snapshot/snapshot_hub.h"

#include "daemon/await_callback.h"

namespace tepui::master {
namespace {

/// So many changes are left to wait: a reader has to wait for some tens of milliseconds at most.
constexpr std::size_t deferred_changes_max = 16'384;
/// So many of them are caught up with after a batch, which the next one waits for: more than a
/// batch of events makes.
constexpr std::size_t batch_changes_max = 2'048;

std::size_t count(const Changes& changes) {
    return changes.frameworks.size() + changes.agents.size() + changes.tasks.size() +
           changes.offers.size();
}

template <typename Set>
void move_some(Set& from, Set& to, std::size_t& most) {
    for (; most > 0 && !from.empty(); --most) to.insert(to.end(), from.extract(from.begin()));
}

/// Takes up to `most` ids out of `changes`, and all that is no list. As a snapshot is given away
/// only when everything was applied, the order does not matter.
Changes take_some(Changes& changes, std::size_t most) {
    Changes taken = std::exchange(changes, {});
    changes.frameworks.swap(taken.frameworks);
    changes.agents.swap(taken.agents);
    changes.tasks.swap(taken.tasks);
    changes.offers.swap(taken.offers);
    move_some(changes.frameworks, taken.frameworks, most);
    move_some(changes.agents, taken.agents, most);
    move_some(changes.tasks, taken.tasks, most);
    move_some(changes.offers, taken.offers, most);
    return taken;
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

void SnapshotHub::catch_up() {
    builder_.apply(*state_, std::exchange(deferred_, {}));
    builder_.apply(*state_, (*take_changes_)());
}

// What nobody waits for is done a part a batch.
void SnapshotHub::catch_up_some() {
    if (state_->changes.everything) return catch_up();
    if (count(state_->changes) > deferred_changes_max) {
        builder_.apply(*state_, std::exchange(deferred_, (*take_changes_)()));
    }
    if (!deferred_.empty()) builder_.apply(*state_, take_some(deferred_, batch_changes_max));
}

void SnapshotHub::batch_ended(const State& state, const std::function<Changes()>& take_changes) {
    state_ = &state;
    take_changes_ = &take_changes;
    catch_up_some();
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
