#pragma once

#include <functional>
#include <memory>
#include <optional>
#include <string>
#include <vector>

#include "base/time.h"

namespace tepui::cli {

/// A signal that ends a daemon, and how long the orderly end may take.
struct EndSignal {
    int number = 0;
    std::optional<Duration> deadline;  // Without one: as long as it takes.
};

/// Ends a daemon by signals. The first one calls `begin` with its number, on a thread that it may
/// keep. A second one, or the end of the first one's deadline, ends the process at once, with a
/// line on standard error and a status that tells: 128 and the signal's number, or Exit::timeout.
/// The daemons may be killed at any point, so nothing that counts is lost by it. SIGPIPE is ignored
/// in the whole process: a peer that goes away must not end a daemon.
class SignalEnd {
public:
    /// `daemon`: its name, for people. Signals are taken from now on.
    SignalEnd(std::string daemon, std::vector<EndSignal> signals, std::function<void(int)> begin);
    ~SignalEnd();  // Waits for `begin` to return; later signals do what they do by default.
    SignalEnd(const SignalEnd&) = delete;
    SignalEnd& operator=(const SignalEnd&) = delete;

private:
    class Impl;
    std::unique_ptr<Impl> impl_;
};

}  // namespace tepui::cli
