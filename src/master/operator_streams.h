#pragma once

#include <atomic>
#include <deque>
#include <functional>
#include <map>
#include <memory>
#include <mutex>
#include <set>
#include <string>
#include <variant>
#include <vector>

#include "daemon/batch_thread.h"
#include "daemon/log.h"
#include "env/clock.h"
#include "env/posix/worker_pool.h"
#include "http/message.h"
#include "master/event_filter.h"
#include "master/event_record.h"
#include "master/operator_stream_options.h"
#include "master/snapshot/snapshot.h"
#include "wire/media.h"

namespace tepui::master {

/// The operator event streams (SUBSCRIBE of POST /api/v1): SUBSCRIBED with a snapshot, HEARTBEAT,
/// then each event once. What the core published in a batch comes here at the batch's end; who
/// joins gets the snapshot of that end and the events of the batches after it, so nothing is lost
/// or told twice in between. Encoding and handing out run on a thread of their own; a reader that
/// does not read has its own bounded queue and is cut off alone.
class OperatorStreams {
public:
    using Options = OperatorStreamOptions;
    struct Stats {
        std::uint64_t open = 0;
        std::uint64_t cut_off_slow = 0;    // They did not read what waited for them.
        std::uint64_t closed_surplus = 0;  // For a newer one, at subscribers_max.
        std::uint64_t published = 0;       // Events.
    };

    /// `wake_loop` makes the loop end a batch soon; `workers` render snapshots. The pool and the
    /// loop are stopped before this is.
    OperatorStreams(Options options, std::string master_id, const env::Clock& clock,
                    env::WorkerPool& workers, std::shared_ptr<daemon::Log> log,
                    std::function<void()> wake_loop);
    ~OperatorStreams();  // Stops.

    void start();
    void stop();

    /// The body of a subscription's 200; its first record comes after the loop's next batch. Any
    /// thread. `remote` names the reader in the log.
    std::shared_ptr<http::BodyStream> open(EventRequest request, wire::Media media,
                                           std::string remote);

    /// On the loop's thread, at the end of each batch: hands over what the core published in it,
    /// and takes in who asked meanwhile, with the snapshot that `snapshot` gives of now. Whether
    /// the core shall publish what comes next.
    bool publish(OperatorEvents events,
                 const std::function<std::shared_ptr<const Snapshot>()>& snapshot);

    Stats stats() const;

private:
    using Chunk = std::shared_ptr<const std::string>;
    struct Stream {
        std::shared_ptr<http::BodyStream> body;
        EventRequest request;
        wire::Media media;
        std::string remote;
        Instant heartbeat_due = Instant::max();  // Never before its snapshot is rendered.
        std::deque<Chunk> waiting = {};          // Behind the snapshot.
        std::size_t waiting_bytes = 0;
    };
    using StreamId = std::uint64_t;  // In the order of open().
    /// The end of one batch of the loop.
    struct BatchItem {
        OperatorEvents events;
        std::vector<std::pair<StreamId, Stream>> joins = {};
        std::shared_ptr<const Snapshot> snapshot = {};  // For them.
        bool gap = false;                               // Nothing was published before `joins`.
    };
    struct RenderedItem {
        StreamId id;
        Chunk subscribed;            // Null: rendering failed.
        std::uint64_t sequence = 0;  // Of the last event that is in it.
    };
    struct EndedItem {
        StreamId id;
        http::StreamEnd reason;
    };
    using Item = std::variant<BatchItem, RenderedItem, EndedItem>;

    void push(Item item);
    void take(std::deque<Item> batch);
    void on_batch(BatchItem& item);
    void on_rendered(const RenderedItem& item);
    void on_ended(const EndedItem& item);
    void deliver(const std::shared_ptr<EventRecord>& record);
    void join(StreamId id, Stream stream, const std::shared_ptr<const Snapshot>& snapshot);
    bool resume(Stream& stream);
    void render(StreamId id, const Stream& stream, const std::shared_ptr<const Snapshot>& snapshot);
    void send_heartbeats();
    Chunk heartbeat(const Stream& stream, std::uint64_t sequence) const;
    void close_oldest();
    void erase(std::map<StreamId, Stream>::iterator stream);

    const Options options_;
    const std::string master_id_;
    const env::Clock& clock_;
    env::WorkerPool& workers_;
    const std::shared_ptr<daemon::Log> log_;
    const std::function<void()> wake_loop_;
    daemon::BatchThread<Item> thread_;

    std::mutex mutex_;
    std::vector<std::pair<StreamId, Stream>> pending_;  // Till the end of the loop's batch.
    StreamId next_id_ = 1;

    // The loop's thread only.
    bool publishing_ = false;
    bool keeps_history_ = false;  // Somebody who may come back has been here.

    // The own thread only.
    std::map<StreamId, Stream> streams_;
    StreamId last_joined_ = 0;
    std::set<StreamId> ended_early_;  // They ended before they joined.
    std::uint64_t sequence_ = 0;      // Of the last event.
    std::deque<std::shared_ptr<EventRecord>> history_;

    std::atomic<std::uint64_t> open_{0};
    std::atomic<std::uint64_t> cut_off_slow_{0};
    std::atomic<std::uint64_t> closed_surplus_{0};
    std::atomic<std::uint64_t> published_{0};
};

}  // namespace tepui::master
