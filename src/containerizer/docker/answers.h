#pragma once

#include <cstdint>
#include <map>
#include <optional>
#include <string>
#include <string_view>
#include <vector>

#include "base/result.h"

namespace tepui::containerizer::docker {

// What the Engine's answers say; pure. A text that is not what the API promises is an error (io).

/// An address of a container in a network.
struct Address {
    std::string network;
    std::string ip;
    bool ipv6 = false;
    bool operator==(const Address&) const = default;
};

struct Inspected {
    std::string id;
    std::string status;  // created, running, paused, restarting, removing, exited or dead.
    bool running = false;
    std::int64_t pid = 0;
    int exit_code = 0;
    bool out_of_memory = false;
    std::string error;        // Of a start that failed.
    std::string finished_at;  // RFC 3339; year 1 when it has not.
    std::map<std::string, std::string> labels;
    std::vector<Address> addresses;
    std::string json;         // The whole answer.
    std::string stop_signal;  // That the image wants in place of SIGTERM; empty: none.

    /// It was started and runs no more, or could not be started and will not be.
    bool ended() const { return status == "exited" || status == "dead"; }
};
Result<Inspected> parse_inspect(std::string_view json);

/// One of a list of containers.
struct Listed {
    std::string id;
    std::string status;  // As in Inspected; "State" of the list.
    std::map<std::string, std::string> labels;
};
Result<std::vector<Listed>> parse_list(std::string_view json);

/// The text of the member `name` of an object.
Result<std::string> parse_text(std::string_view json, const std::string& name);

struct ExecInspected {
    bool running = false;
    int exit_code = 0;
    std::int64_t pid = 0;  // As the host sees it; 0: it never was.
};
Result<ExecInspected> parse_exec(std::string_view json);

/// One line of the stream of events.
struct EngineEvent {
    std::string action;  // "die", "start", ...
    std::string container;
};
Result<EngineEvent> parse_event(std::string_view json);

/// One line of the stream that a pull is.
struct PullLine {
    std::string error;  // Not empty: the pull failed with it.
    std::string layer;
    std::string status;
    std::uint64_t current = 0;  // Bytes of the layer.
    std::uint64_t total = 0;
};
Result<PullLine> parse_pull_line(std::string_view json);

/// Seconds since 1970 of an RFC 3339 time in UTC; nothing when it is none, or before 1970.
std::optional<double> parse_time(std::string_view text);

/// Cuts a stream of JSON objects, each in a line of its own.
class LineCutter {
public:
    static constexpr std::size_t line_bytes_max = std::size_t{1} << 20;
    /// The lines that are whole now. Fails with io on one without an end.
    Result<std::vector<std::string>> feed(std::string_view bytes);

private:
    std::string pending_;
};

}  // namespace tepui::containerizer::docker
