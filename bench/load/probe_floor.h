#pragma once

#include <cstdint>
#include <string>

#include "base/result.h"
#include "bench/load/figures.h"

namespace tepui::bench {

/// What is looked at, and how.
struct ProbeFloor {
    std::string kind = "http";  // http, tcp or command.
    std::uint16_t port = 0;     // Of 127.0.0.1, for http and tcp.
    std::string command;        // For /bin/sh -c.
    std::size_t count = 1'000;
};

/// The least that a look costs on this machine: a loop on one thread that connects, asks and reads
/// the answer, or spawns and waits. No deadline, no record of what came of it, nothing but the
/// look. `cpu_us` is user and system time a look, children's included. Blocks. Fails with the
/// errno's meaning, or when an answer is not 200 or an exit status not 0.
Result<Figures> probe_floor(const ProbeFloor& floor);

}  // namespace tepui::bench
