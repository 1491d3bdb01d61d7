#include "containerizer/sessions.h"

#include <fcntl.h>
#include <sys/epoll.h>
#include <sys/eventfd.h>
#include <sys/socket.h>

#include <cstring>
#include <utility>

#include "containerizer/spawn.h"
#include "shim/attach_protocol.h"
#include "shim/protocol.h"

namespace tepui::containerizer {

/// One packet of a session's supervisor.
struct Sessions::Answer {
    std::uint32_t outcome = 0;
    std::int32_t status = 0;
    Descriptor terminal;
};

namespace {

/// Gives a descriptor that came along to `terminal`.
ssize_t receive(int fd, shim_probe_answer& answer, Descriptor& terminal) {
    alignas(cmsghdr) char ancillary[CMSG_SPACE(sizeof(int))] = {};
    iovec body{&answer, sizeof answer};
    msghdr message{};
    message.msg_iov = &body;
    message.msg_iovlen = 1;
    message.msg_control = ancillary;
    message.msg_controllen = sizeof ancillary;
    const ssize_t got = ::recvmsg(fd, &message, MSG_DONTWAIT | MSG_CMSG_CLOEXEC);
    if (got < 0) return got;
    const cmsghdr* part = CMSG_FIRSTHDR(&message);
    if (part != nullptr && part->cmsg_level == SOL_SOCKET && part->cmsg_type == SCM_RIGHTS) {
        int descriptor = -1;
        std::memcpy(&descriptor, CMSG_DATA(part), sizeof descriptor);
        terminal = Descriptor(descriptor);
    }
    return got;
}

}  // namespace

Sessions::~Sessions() { stop(); }

void Sessions::stop() {
    {
        const std::lock_guard lock(mutex_);
        stopping_ = true;
    }
    if (wake_) wake();
    if (thread_.joinable()) thread_.join();
    const std::lock_guard lock(mutex_);
    sessions_.clear();  // Each supervisor sees its socket close.
    names_.clear();
}

void Sessions::wake() const {
    const std::uint64_t one = 1;
    (void)!::write(wake_.get(), &one, sizeof one);
}

bool Sessions::reserve(const ContainerId& session) {
    const std::lock_guard lock(mutex_);
    return !stopping_ && names_.emplace(session, 0).second;
}

void Sessions::release(const ContainerId& session) {
    const std::lock_guard lock(mutex_);
    names_.erase(session);
    waiting_.erase(session);
}

void Sessions::add(const ContainerId& name, Descriptor answer, SessionPipes pipes,
                   Callbacks callbacks) {
    const std::lock_guard lock(mutex_);
    if (stopping_) return;
    if (!thread_.joinable()) {
        epoll_ = Descriptor(::epoll_create1(EPOLL_CLOEXEC));
        wake_ = Descriptor(::eventfd(0, EFD_CLOEXEC | EFD_NONBLOCK));
        epoll_event event{};
        event.events = EPOLLIN;
        event.data.u64 = 0;
        ::epoll_ctl(epoll_.get(), EPOLL_CTL_ADD, wake_.get(), &event);
        thread_ = std::jthread([this] { run(); });
    }
    const std::uint64_t number = next_++;
    const int fd = answer.get();
    names_[name] = number;
    if (const auto found = waiting_.find(name); found != waiting_.end()) {
        send_signal(fd, found->second);
        waiting_.erase(found);
    }
    sessions_.emplace(
        number, Session{name, std::move(answer), std::move(pipes), std::move(callbacks), false});
    epoll_event event{};
    event.events = EPOLLIN | EPOLLRDHUP;
    event.data.u64 = number;
    ::epoll_ctl(epoll_.get(), EPOLL_CTL_ADD, fd, &event);
}

bool Sessions::signal(const ContainerId& session, int signal) {
    const std::lock_guard lock(mutex_);
    const auto found = names_.find(session);
    if (found == names_.end()) return false;
    if (found->second == 0)
        waiting_[session] = signal;
    else
        send_signal(sessions_.at(found->second).answer.get(), signal);
    return true;
}

void Sessions::end(std::uint64_t number, const std::optional<Answer>& answer) {
    std::optional<Session> session;
    {
        const std::lock_guard lock(mutex_);
        auto node = sessions_.extract(number);
        if (node.empty()) return;
        session = std::move(node.mapped());
        names_.erase(session->name);
    }
    if (!session->open) {
        const bool failed = answer && answer->outcome == SHIM_PROBE_FAILED;
        session->callbacks.opened(
            failed
                ? fail(Errc::io, "the command could not be started: {}", errno_text(answer->status))
                : fail(Errc::io,
                       "the container ended, or its process above cannot start "
                       "sessions"));
        return;
    }
    Exited end;
    if (answer && answer->outcome == SHIM_PROBE_EXITED) end.status = answer->status;
    session->callbacks.exited(std::move(end));
}

void Sessions::read(std::uint64_t number) {
    int fd = -1;
    {
        const std::lock_guard lock(mutex_);
        const auto found = sessions_.find(number);
        if (found == sessions_.end()) return;
        fd = found->second.answer.get();
    }
    shim_probe_answer packet{};
    Descriptor terminal;
    const ssize_t got = receive(fd, packet, terminal);
    if (got < 0 && (errno == EAGAIN || errno == EINTR)) return;
    if (got != static_cast<ssize_t>(sizeof packet) || packet.version != SHIM_VERSION)
        return end(number, std::nullopt);
    if (packet.outcome != SHIM_SESSION_STARTED)
        return end(number, Answer{packet.outcome, packet.status, {}});
    OnSession opened;
    SessionPipes pipes;
    {
        const std::lock_guard lock(mutex_);
        Session& session = sessions_.at(number);
        if (std::exchange(session.open, true)) return;
        opened = std::exchange(session.callbacks.opened, nullptr);
        pipes = std::move(session.pipes);
    }
    if (terminal) {
        pipes.terminal = true;
        pipes.input = Descriptor(::fcntl(terminal.get(), F_DUPFD_CLOEXEC, 3));
        pipes.output = std::move(terminal);
    }
    opened(std::move(pipes));
}

void Sessions::run() {
    epoll_event events[64];
    for (;;) {
        const int count = ::epoll_wait(epoll_.get(), events, 64, -1);
        {
            const std::lock_guard lock(mutex_);
            if (stopping_) return;
        }
        for (int i = 0; i < count; ++i) {
            if (events[i].data.u64 != 0) read(events[i].data.u64);
        }
    }
}

}  // namespace tepui::containerizer
