#include "master/operator_streams.h"

#include <fmt/format.h>

#include "base/overloaded.h"
#include "master/snapshot/v1_views.h"
#include "wire/recordio.h"

namespace tepui::master {
namespace {

std::shared_ptr<const std::string> make_record(const std::string& bytes) {
    return std::make_shared<const std::string>(wire::encode_record(bytes));
}

}  // namespace

OperatorStreams::OperatorStreams(Options options, std::string master_id, const env::Clock& clock,
                                 env::WorkerPool& workers, std::shared_ptr<daemon::Log> log,
                                 std::function<void()> wake_loop)
    : options_(options),
      master_id_(std::move(master_id)),
      clock_(clock),
      workers_(workers),
      log_(std::move(log)),
      wake_loop_(std::move(wake_loop)),
      thread_([this](std::deque<Item> batch) { take(std::move(batch)); }) {}

OperatorStreams::~OperatorStreams() { stop(); }

void OperatorStreams::start() {
    thread_.start([] {});
}

void OperatorStreams::stop() {
    if (!thread_.stop()) return;
    for (auto& [id, stream] : streams_) stream.body->finish();
    const std::scoped_lock lock(mutex_);
    for (auto& [id, stream] : pending_) stream.body->finish();
}

std::shared_ptr<http::BodyStream> OperatorStreams::open(EventRequest request, wire::Media media,
                                                        std::string remote) {
    auto body = http::make_body_stream(options_.backlog_bytes_max);
    StreamId id = 0;
    {
        const std::scoped_lock lock(mutex_);
        id = next_id_++;
        pending_.emplace_back(id, Stream{.body = body,
                                         .request = std::move(request),
                                         .media = media,
                                         .remote = std::move(remote)});
    }
    body->on_end([this, id](http::StreamEnd reason) { push(EndedItem{id, reason}); });
    wake_loop_();
    return body;
}

bool OperatorStreams::publish(OperatorEvents events,
                              const std::function<std::shared_ptr<const Snapshot>()>& snapshot) {
    BatchItem item{.events = std::move(events)};
    {
        const std::scoped_lock lock(mutex_);
        item.joins.swap(pending_);
    }
    if (!item.joins.empty()) {
        item.snapshot = snapshot();
        item.gap = !publishing_;
        open_.fetch_add(item.joins.size());
        for (const auto& [id, stream] : item.joins)
            keeps_history_ |= stream.request.sequenced && options_.history_max > 0;
    }
    publishing_ = keeps_history_ || open_.load() > 0;
    if (!item.joins.empty() || !item.events.empty()) push(std::move(item));
    return publishing_;
}

OperatorStreams::Stats OperatorStreams::stats() const {
    return {open_.load(), cut_off_slow_.load(), closed_surplus_.load(), published_.load()};
}

void OperatorStreams::push(Item item) { thread_.push(item); }

void OperatorStreams::take(std::deque<Item> batch) {
    for (Item& item : batch) {
        std::visit(Overloaded{
                       [this](BatchItem& ended) { on_batch(ended); },
                       [this](const RenderedItem& rendered) { on_rendered(rendered); },
                       [this](const EndedItem& ended) { on_ended(ended); },
                   },
                   item);
    }
    send_heartbeats();
}

void OperatorStreams::on_batch(BatchItem& item) {
    if (item.gap) {  // What happened meanwhile has no numbers: nobody can go on from before it.
        history_.clear();
        ++sequence_;
    }
    for (OperatorEvent& event : item.events) {
        auto record = std::make_shared<EventRecord>(++sequence_, std::move(event));
        deliver(record);
        if (options_.history_max == 0) continue;
        history_.push_back(std::move(record));
        if (history_.size() > options_.history_max) history_.pop_front();
    }
    published_.fetch_add(item.events.size());
    for (auto& [id, stream] : item.joins) join(id, std::move(stream), item.snapshot);
}

void OperatorStreams::deliver(const std::shared_ptr<EventRecord>& record) {
    for (auto& [id, stream] : streams_) {
        if (!stream.request.filter.passes(record->event())) continue;
        Chunk chunk = record->record(stream.media, stream.request.sequenced);
        if (stream.heartbeat_due != Instant::max()) {
            stream.body->push(std::move(chunk));  // One that cannot take it ends by itself.
            continue;
        }
        stream.waiting_bytes += chunk->size();
        stream.waiting.push_back(std::move(chunk));
    }
}

void OperatorStreams::join(StreamId id, Stream stream,
                           const std::shared_ptr<const Snapshot>& snapshot) {
    last_joined_ = id;
    if (ended_early_.erase(id) > 0) {
        open_.fetch_sub(1);
        return;
    }
    while (!streams_.empty() && streams_.size() >= options_.subscribers_max) close_oldest();
    log_->info(fmt::format("Operator {} reads the event stream", stream.remote));
    if (!resume(stream)) render(id, stream, snapshot);
    streams_.emplace(id, std::move(stream));
}

bool OperatorStreams::resume(Stream& stream) {
    const auto& after = stream.request.after;
    if (!after || after->master_id != master_id_ || after->sequence > sequence_) return false;
    // The first that is missed must still be kept.
    const std::uint64_t oldest = history_.empty() ? sequence_ + 1 : history_.front()->sequence();
    if (after->sequence + 1 < oldest) return false;
    stream.body->push(heartbeat(stream, after->sequence));
    stream.heartbeat_due = clock_.now().instant + options_.heartbeat;
    for (auto it = history_.end() - static_cast<std::ptrdiff_t>(sequence_ - after->sequence);
         it != history_.end(); ++it) {
        if (stream.request.filter.passes((*it)->event()))
            stream.body->push((*it)->record(stream.media, true));
    }
    return true;
}

void OperatorStreams::render(StreamId id, const Stream& stream,
                             const std::shared_ptr<const Snapshot>& snapshot) {
    auto work = [this, id, snapshot, media = stream.media, request = stream.request,
                 sequence = sequence_] {
        const auto render = [&] {
            return render_subscribed(*snapshot, media, request.filter, seconds(options_.heartbeat));
        };
        try {
            std::string bytes =
                request.filter.empty()
                    ? *snapshot->body(fmt::format("SUBSCRIBED {}", to_string(media)), render)
                    : render();
            if (request.sequenced)
                bytes = with_sequence(std::move(bytes), media, sequence, master_id_);
            push(RenderedItem{id, make_record(bytes), sequence});
        } catch (const std::exception& exception) {
            log_->error(
                fmt::format("Making the snapshot of an event stream: {}", exception.what()));
            push(RenderedItem{id, nullptr, 0});
        }
    };
    if (!workers_.post(std::move(work))) push(RenderedItem{id, nullptr, 0});
}

void OperatorStreams::on_rendered(const RenderedItem& item) {
    const auto it = streams_.find(item.id);
    if (it == streams_.end()) return;
    Stream& stream = it->second;
    if (item.subscribed == nullptr || stream.waiting_bytes > options_.backlog_bytes_max) {
        stream.body->finish();
        erase(it);
        return;
    }
    stream.body->push(item.subscribed);
    stream.body->push(heartbeat(stream, item.sequence));
    stream.heartbeat_due = clock_.now().instant + options_.heartbeat;
    for (Chunk& chunk : stream.waiting) stream.body->push(std::move(chunk));
    stream.waiting = {};
}

void OperatorStreams::on_ended(const EndedItem& item) {
    if (item.reason == http::StreamEnd::too_slow) cut_off_slow_.fetch_add(1);
    const auto it = streams_.find(item.id);
    if (it == streams_.end()) {
        if (item.id > last_joined_) ended_early_.insert(item.id);
        return;
    }
    const std::string& remote = it->second.remote;
    if (item.reason == http::StreamEnd::too_slow) {
        log_->warning(
            fmt::format("Cutting off operator {}: more than {} bytes of events waited to be read",
                        remote, options_.backlog_bytes_max));
    } else if (item.reason == http::StreamEnd::peer_closed) {
        log_->info(fmt::format("Operator {} left the event stream", remote));
    }
    erase(it);
}

void OperatorStreams::send_heartbeats() {
    const Instant now = clock_.now().instant;
    Instant next = Instant::max();
    for (auto& [id, stream] : streams_) {
        if (stream.heartbeat_due <= now) {
            stream.body->push(heartbeat(stream, sequence_));
            stream.heartbeat_due = now + options_.heartbeat;
        }
        next = std::min(next, stream.heartbeat_due);
    }
    thread_.wake_at(next, now);
}

OperatorStreams::Chunk OperatorStreams::heartbeat(const Stream& stream,
                                                  std::uint64_t sequence) const {
    const std::string& plain = encoded_heartbeat(stream.media);
    if (!stream.request.sequenced) return make_record(plain);
    return make_record(with_sequence(plain, stream.media, sequence));
}

void OperatorStreams::close_oldest() {
    const auto oldest = streams_.begin();
    log_->warning(
        fmt::format("Closing the event stream of operator {}: there are {} and it is the oldest "
                    "(--max_operator_event_stream_subscribers)",
                    oldest->second.remote, streams_.size()));
    closed_surplus_.fetch_add(1);
    oldest->second.body->finish();
    erase(oldest);
}

void OperatorStreams::erase(std::map<StreamId, Stream>::iterator stream) {
    streams_.erase(stream);
    open_.fetch_sub(1);
}

}  // namespace tepui::master
