#pragma once

#include <cstdint>
#include <functional>
#include <map>
#include <memory>
#include <mutex>
#include <set>
#include <thread>
#include <utility>
#include <vector>

#include "base/ids.h"
#include "base/result.h"
#include "base/time.h"
#include "containerizer/descriptor.h"

namespace tepui::containerizer {

/// The probes that shims supervise, waited for by one thread.
class Probes {
public:
    /// The wait(2) status; timeout when it took too long, io when it never ran or its shim is gone.
    using Done = std::function<void(Result<std::int32_t>)>;

    Probes();
    Probes(const Probes&) = delete;
    Probes& operator=(const Probes&) = delete;
    ~Probes();

    /// Takes over the agent's end of a probe's socket pair (see shim/protocol.h). `done` runs on
    /// the thread of this, once: when nothing of the probe is left, or a few seconds after the
    /// timeout, should the kernel hold on to it.
    /// Returns its number here.
    std::uint64_t add(const ContainerId& container, Descriptor answer, Duration timeout, Done done);
    /// It could not be started; nothing happens when it is over or cancelled.
    void give_up(std::uint64_t number, const Error& error);
    /// Ends the container's probes; their `done` is not called.
    void cancel(const ContainerId& container);
    /// Ends all of them and the thread.
    void stop();

private:
    using Clock = std::chrono::steady_clock;
    struct Probe {
        ContainerId container;
        Descriptor answer;
        Done done;
        Clock::time_point due;
        bool expired = false;  // It was told to end.
    };
    using ByNumber = std::map<std::uint64_t, Probe>;

    void run();
    void wake() const;
    int wait_ms();
    void read(std::uint64_t number);
    void expire();
    Probe take(ByNumber::iterator it);

    Descriptor epoll_;
    Descriptor wake_;
    std::mutex mutex_;  // Of what follows.
    bool stopping_ = false;
    std::uint64_t next_ = 1;  // 0 is wake_.
    ByNumber probes_;
    std::set<std::pair<Clock::time_point, std::uint64_t>> due_;
    std::jthread thread_;
};

}  // namespace tepui::containerizer
