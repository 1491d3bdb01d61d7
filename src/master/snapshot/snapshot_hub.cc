#include "master/snapshot/snapshot_hub.h"

#include <algorithm>
#include <iterator>
#include <utility>

#include "daemon/await_callback.h"

namespace tepui::master {
namespace {

/// So many changes are left to wait: a reader has to wait for some tens of milliseconds at most.
constexpr std::size_t deferred_changes_max = 16'384;
/// So many of them are caught up with after a batch, which the next one waits for.
constexpr std::size_t batch_changes_max = 2'048;
/// A reader waits for so many batches; then everything is caught up with at once, so that it is
/// answered also when each batch makes more changes than that.
constexpr int wanted_batches_max = 32;

std::size_t count(const Changes& changes) {
    return changes.frameworks.size() + changes.agents.size() + changes.tasks.size() +
           changes.offers.size();
}

template <typename Set>
void move_some(Set& from, Set& to, std::size_t& most) {
    for (; most > 0 && !from.empty(); --most) to.insert(to.end(), from.extract(from.begin()));
}

void add(Changes& to, Changes from) {
    to.version = from.version;
    to.frameworks.merge(from.frameworks);
    to.agents.merge(from.agents);
    to.tasks.merge(from.tasks);
    to.offers.merge(from.offers);
    to.completed_frameworks |= from.completed_frameworks;
    to.weights |= from.weights;
    to.quotas |= from.quotas;
    to.maintenance |= from.maintenance;
    to.priorities |= from.priorities;
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

void SnapshotHub::apply(const Changes& changes) {
    changes_->pack(changes);  // First: the copy holds the same.
    builder_.apply(*state_, changes);
}

void SnapshotHub::catch_up() {
    apply(std::exchange(deferred_, {}));
    apply(changes_->take());
    batches_wanted_ = 0;
}

/// Whether the copy is in step; unless it is `wanted`, that is not looked after while little waits.
bool SnapshotHub::catch_up_some(bool wanted) {
    const bool much = count(state_->changes) > deferred_changes_max;
    const bool too_much = count(deferred_) > 2 * deferred_changes_max;
    if (state_->changes.everything || too_much || batches_wanted_ == wanted_batches_max) {
        catch_up();
        return true;
    }
    if (wanted || much) add(deferred_, changes_->take());
    if (wanted || !deferred_.empty()) apply(take_some(deferred_, batch_changes_max));
    batches_wanted_ = wanted && !deferred_.empty() ? batches_wanted_ + 1 : 0;
    return deferred_.empty();
}

void SnapshotHub::batch_ended(const State& state, const ChangeSource& changes) {
    state_ = &state;
    changes_ = &changes;
    std::vector<std::function<void(std::shared_ptr<const Snapshot>)>> snapshot_readers;
    std::vector<std::function<void(CoreNumbers)>> number_readers;
    std::function<void(const State&)> question;
    bool more_to_do = false;
    {
        const std::scoped_lock lock(mutex_);
        snapshot_readers.swap(snapshot_readers_);
        number_readers.swap(number_readers_);
        if (!questions_.empty()) {
            question = std::move(questions_.front());
            questions_.pop_front();
            more_to_do = !questions_.empty();
        }
    }
    const bool wanted = !snapshot_readers.empty();
    if (const bool in_step = catch_up_some(wanted); wanted && in_step) {
        const auto snapshot = builder_.publish();
        for (const auto& reader : snapshot_readers) reader(snapshot);
    } else if (wanted) {
        const std::scoped_lock lock(mutex_);
        std::ranges::move(snapshot_readers, std::back_inserter(snapshot_readers_));
        more_to_do = true;
    }
    for (const auto& reader : number_readers) reader(core_numbers(state));
    if (question) question(state);
    if (more_to_do) wake_loop_();
}

}  // namespace tepui::master
