#pragma once

#include <deque>
#include <functional>
#include <memory>
#include <mutex>
#include <vector>

#include <boost/asio/awaitable.hpp>

#include "master/change_source.h"
#include "master/core_numbers.h"
#include "master/snapshot/snapshot_builder.h"

namespace tepui::master {

namespace asio = boost::asio;

/// Where readers get snapshots. A reader gets one that is not older than its asking: it marks
/// demand, wakes the loop and waits for the end of a batch, mostly the next. The loop pays for
/// handing out a pointer and for keeping the copy in step, which it does when somebody reads, or
/// when enough has changed (what came and went in between costs nothing), and then in parts, so
/// that no batch has to wait long. Everything else runs at the reader's.
class SnapshotHub {
public:
    /// `wake_loop` makes the loop end a batch soon.
    SnapshotHub(std::shared_ptr<const MasterFacts> facts, std::function<void()> wake_loop)
        : builder_(std::move(facts)), wake_loop_(std::move(wake_loop)) {}

    asio::awaitable<std::shared_ptr<const Snapshot>> current();
    /// The state as of the batch that just ended; on the loop's thread, after batch_ended().
    std::shared_ptr<const Snapshot> now();
    /// What the core counted, for metrics.
    asio::awaitable<CoreNumbers> numbers();
    /// Asks something of the state that snapshots do not hold: `question` runs on the loop's thread
    /// at the end of a batch, one question a batch, and has to be bounded.
    asio::awaitable<void> ask(std::function<void(const State&)> question);

    /// Drops the readers that wait; nobody will answer them. After the loop and the server stopped,
    /// while the executors of those readers still exist.
    void abandon_readers();

    /// On the loop's thread, at the end of each batch; as Outlets::batch_ended().
    void batch_ended(const State& state, const ChangeSource& changes);

private:
    void catch_up();
    bool catch_up_some(bool wanted);
    void apply(const Changes& changes);
    void answer_snapshot_readers();

    const State* state_ = nullptr;  // As of the batch that just ended.
    const ChangeSource* changes_ = nullptr;
    Changes deferred_;         // Taken, and not yet applied.
    int batches_wanted_ = 0;   // How long somebody has been waiting for the copy.
    SnapshotBuilder builder_;  // The loop's thread only.
    const std::function<void()> wake_loop_;
    std::mutex mutex_;
    std::vector<std::function<void(std::shared_ptr<const Snapshot>)>> snapshot_readers_;
    std::vector<std::function<void(CoreNumbers)>> number_readers_;
    std::deque<std::function<void(const State&)>> questions_;
};

}  // namespace tepui::master
