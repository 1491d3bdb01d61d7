#include "containerizer/probes.h"

#include <sys/epoll.h>
#include <sys/eventfd.h>
#include <sys/socket.h>

#include <algorithm>
#include <optional>

#include "base/assert.h"
#include "shim/protocol.h"

namespace tepui::containerizer {
namespace {

// From the wish that a probe ends to giving up on hearing that it did.
constexpr std::chrono::seconds k_end_patience{5};

// Timeouts of the wire reach beyond what clocks can count.
constexpr Duration k_timeout_max = std::chrono::hours{24 * 365};

std::unexpected<Error> timed_out() {
    return fail(Errc::timeout, "the command did not end in time and was killed");
}

Result<std::int32_t> read_answer(int fd, bool expired) {
    shim_probe_answer answer{};
    const ssize_t got = ::recv(fd, &answer, sizeof answer, MSG_DONTWAIT);
    if (expired) return timed_out();
    if (got != static_cast<ssize_t>(sizeof answer) || answer.version != SHIM_VERSION)
        return fail(Errc::io, "the container ended, or its process above cannot start probes");
    switch (answer.outcome) {
        case SHIM_PROBE_EXITED: return answer.status;
        case SHIM_PROBE_FAILED:
            return fail(Errc::io, "the command could not be started: {}",
                        errno_text(answer.status));
        default: return timed_out();
    }
}

}  // namespace

Probes::Probes()
    : epoll_(::epoll_create1(EPOLL_CLOEXEC)), wake_(::eventfd(0, EFD_CLOEXEC | EFD_NONBLOCK)) {
    TEPUI_ASSERT_WHY(epoll_ && wake_, "no descriptors are left at the start");
    epoll_event event{};
    event.events = EPOLLIN;
    event.data.u64 = 0;
    ::epoll_ctl(epoll_.get(), EPOLL_CTL_ADD, wake_.get(), &event);
    thread_ = std::jthread([this] { run(); });
}

Probes::~Probes() { stop(); }

void Probes::stop() {
    {
        const std::lock_guard lock(mutex_);
        stopping_ = true;
    }
    wake();
    if (thread_.joinable()) thread_.join();
    const std::lock_guard lock(mutex_);
    probes_.clear();  // Each supervisor sees its socket close.
    due_.clear();
}

void Probes::wake() const {
    const std::uint64_t one = 1;
    (void)!::write(wake_.get(), &one, sizeof one);
}

std::uint64_t Probes::add(const ContainerId& container, Descriptor answer, Duration timeout,
                          Done done) {
    const Duration allowed = std::clamp(timeout, Duration::zero(), k_timeout_max);
    const std::lock_guard lock(mutex_);
    const std::uint64_t number = next_++;
    const int fd = answer.get();
    const auto due = Clock::now() + allowed;
    probes_.emplace(number, Probe{container, std::move(answer), std::move(done), due});
    due_.emplace(due, number);
    epoll_event event{};
    event.events = EPOLLIN | EPOLLRDHUP;
    event.data.u64 = number;
    ::epoll_ctl(epoll_.get(), EPOLL_CTL_ADD, fd, &event);
    wake();
    return number;
}

void Probes::give_up(std::uint64_t number, const Error& error) {
    std::optional<Probe> probe;
    {
        const std::lock_guard lock(mutex_);
        const auto found = probes_.find(number);
        if (found == probes_.end()) return;
        probe = take(found);
    }
    probe->done(std::unexpected(error));
}

void Probes::cancel(const ContainerId& container) {
    const std::lock_guard lock(mutex_);
    for (auto it = probes_.begin(); it != probes_.end();) {
        const auto next = std::next(it);
        if (it->second.container == container) take(it);
        it = next;
    }
}

/// Out of the books; closing its descriptor takes it out of epoll, too. Locked.
Probes::Probe Probes::take(ByNumber::iterator it) {
    Probe probe = std::move(it->second);
    due_.erase({probe.due, it->first});
    probes_.erase(it);
    return probe;
}

int Probes::wait_ms() {
    const std::lock_guard lock(mutex_);
    if (due_.empty()) return -1;
    const auto left =
        std::chrono::ceil<std::chrono::milliseconds>(due_.begin()->first - Clock::now());
    return static_cast<int>(std::clamp<std::int64_t>(left.count(), 0, 60'000));
}

void Probes::read(std::uint64_t number) {
    std::optional<Probe> probe;
    {
        const std::lock_guard lock(mutex_);
        const auto found = probes_.find(number);
        if (found == probes_.end()) return;
        probe = take(found);
    }
    probe->done(read_answer(probe->answer.get(), probe->expired));
}

void Probes::expire() {
    std::vector<Probe> stuck;
    {
        const std::lock_guard lock(mutex_);
        const auto now = Clock::now();
        while (!due_.empty() && due_.begin()->first <= now) {
            const auto found = probes_.find(due_.begin()->second);
            Probe& probe = found->second;
            if (std::exchange(probe.expired, true)) {
                stuck.push_back(take(found));
                continue;
            }
            ::shutdown(probe.answer.get(), SHUT_WR);  // The supervisor ends everything.
            due_.erase(due_.begin());
            probe.due = now + k_end_patience;
            due_.emplace(probe.due, found->first);
        }
    }
    for (const Probe& probe : stuck) probe.done(timed_out());
}

void Probes::run() {
    epoll_event events[64];
    for (;;) {
        const int count = ::epoll_wait(epoll_.get(), events, 64, wait_ms());
        {
            const std::lock_guard lock(mutex_);
            if (stopping_) return;
        }
        for (int i = 0; i < count; ++i) {
            if (events[i].data.u64 != 0) {
                read(events[i].data.u64);
                continue;
            }
            std::uint64_t ignored = 0;
            (void)!::read(wake_.get(), &ignored, sizeof ignored);
        }
        expire();
    }
}

}  // namespace tepui::containerizer
