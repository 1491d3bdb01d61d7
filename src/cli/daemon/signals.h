#pragma once

#include <functional>
#include <memory>
#include <vector>

namespace tepui::cli {

/// Calls `on_signal` on a thread of its own for each of `signals` that comes, until destroyed.
/// SIGPIPE is ignored in the whole process: a peer that goes away must not end a daemon.
class SignalThread {
public:
    SignalThread(const std::vector<int>& signals, std::function<void(int)> on_signal);
    ~SignalThread();
    SignalThread(const SignalThread&) = delete;
    SignalThread& operator=(const SignalThread&) = delete;

private:
    class Impl;
    std::unique_ptr<Impl> impl_;
};

}  // namespace tepui::cli
