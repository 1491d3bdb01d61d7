#pragma once

#include <functional>
#include <memory>
#include <optional>
#include <string>

#include "cli/client/master_api.h"
#include "wire/recordio.h"

namespace tepui::cli {

struct EventRecord {
    std::string json;  // As it came.
    mesos::v1::master::Event event;
};

/// A place in the stream of one master (docs/reference/events.md). Masters of Mesos give none.
struct EventPosition {
    std::string master;
    std::uint64_t sequence = 0;

    /// Takes over what a record tells of its place.
    void advance(std::string_view json);
    /// The request's target: behind this position if there is one.
    std::string target() const;
};

/// Follows the operator event stream (SUBSCRIBE of the operator API). A stream that breaks, or is
/// silent for five heartbeats, is opened again, after pauses that grow to 15 s. It goes on where it
/// broke; where the master cannot (another one, a restarted one, one of Mesos) it begins with
/// SUBSCRIBED and a new snapshot. Belongs to its master's strand.
class EventFollower {
public:
    /// `on_event` answers whether to go on. `say` hears of breaks: "the event stream broke: ...".
    EventFollower(MasterApi& master, std::function<bool(const EventRecord&)> on_event,
                  std::function<void(const std::string&)> say)
        : master_(master), on_event_(std::move(on_event)), say_(std::move(say)) {}

    /// Ends when on_event says so or after stop(). Fails when the first stream cannot be had, or a
    /// later one is refused for good (denied, or the master has no such call).
    asio::awaitable<Result<void>> run();
    void stop();

private:
    asio::awaitable<Result<void>> follow_once();
    Result<bool> take(std::string_view bytes, wire::RecordDecoder& decoder);
    void watch();

    MasterApi& master_;
    std::function<bool(const EventRecord&)> on_event_;
    std::function<void(const std::string&)> say_;
    std::shared_ptr<http::ClientStream> stream_;
    std::unique_ptr<asio::steady_timer> silence_;
    std::unique_ptr<asio::steady_timer> pause_;
    Duration silence_max_ = 75s;
    EventPosition position_;
    bool silent_ = false;
    bool stopped_ = false;
    bool had_record_ = false;  // Of the stream that is open now or was last.
};

/// The pause before the attempt after `failures` failures in a row: 1, 2, 4, 8, then 15 seconds.
Duration reconnect_pause(unsigned failures);

/// Whether it makes sense to try again after this error.
bool is_passing(const Error& error);

}  // namespace tepui::cli
