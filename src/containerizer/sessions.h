#pragma once

#include <cstdint>
#include <map>
#include <mutex>
#include <optional>
#include <string>
#include <thread>

#include "containerizer/containerizer.h"
#include "containerizer/descriptor.h"

namespace tepui::containerizer {

/// The sessions that shims supervise, waited for by one thread, which exists from the first of them
/// on.
class Sessions {
public:
    struct Callbacks {
        OnSession opened;
        Containerizer::OnExited exited;
    };

    Sessions() = default;
    Sessions(const Sessions&) = delete;
    Sessions& operator=(const Sessions&) = delete;
    ~Sessions();

    /// Keeps the name for a session that is about to be asked for; false when it is taken.
    bool reserve(const ContainerId& session);
    /// Gives a reserved name back: the session could not be asked for.
    void release(const ContainerId& session);
    /// Takes over the agent's end of its socket pair (see shim/attach_protocol.h). The callbacks
    /// run on the thread of this.
    void add(const ContainerId& session, Descriptor answer, SessionPipes pipes,
             Callbacks callbacks);
    /// Signals a session that is open or about to be; false when there is none of that name.
    bool signal(const ContainerId& session, int signal);
    /// Ends all of them and the thread; nothing is told any more.
    void stop();

private:
    struct Session {
        ContainerId name;
        Descriptor answer;
        SessionPipes pipes;
        Callbacks callbacks;
        bool open = false;
    };
    struct Answer;

    void run();
    void wake() const;
    void read(std::uint64_t number);
    void end(std::uint64_t number, const std::optional<Answer>& answer);

    Descriptor epoll_;
    Descriptor wake_;
    std::mutex mutex_;  // Of what follows.
    bool stopping_ = false;
    std::uint64_t next_ = 1;                      // 0 is wake_.
    std::map<ContainerId, std::uint64_t> names_;  // 0: reserved.
    std::map<ContainerId, int> waiting_;          // Signals to reserved ones.
    std::map<std::uint64_t, Session> sessions_;
    std::jthread thread_;
};

}  // namespace tepui::containerizer
