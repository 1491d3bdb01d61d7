#include "containerizer/shim_links.h"

#include <sys/epoll.h>
#include <sys/eventfd.h>
#include <sys/socket.h>

#include <utility>

#include "base/assert.h"
#include "containerizer/spawn.h"

namespace tepui::containerizer {

ShimLinks::ShimLinks()
    : epoll_(::epoll_create1(EPOLL_CLOEXEC)), wake_(::eventfd(0, EFD_CLOEXEC | EFD_NONBLOCK)) {
    TEPUI_ASSERT_WHY(epoll_ && wake_, "no descriptors are left at the start");
    epoll_event event{};
    event.events = EPOLLIN;
    event.data.u64 = 0;
    ::epoll_ctl(epoll_.get(), EPOLL_CTL_ADD, wake_.get(), &event);
    thread_ = std::jthread([this] { run(); });
}

ShimLinks::~ShimLinks() { stop(); }

void ShimLinks::stop() {
    if (!thread_.joinable()) return;
    const std::uint64_t one = 1;
    (void)!::write(wake_.get(), &one, sizeof one);
    thread_.join();
    const std::lock_guard lock(mutex_);
    links_.clear();
}

std::uint64_t ShimLinks::add(Descriptor connection, Handlers handlers) {
    const std::lock_guard lock(mutex_);
    const std::uint64_t number = next_++;
    const int fd = connection.get();
    links_.emplace(number,
                   std::make_shared<Link>(Link{std::move(connection), std::move(handlers)}));
    epoll_event event{};
    event.events = EPOLLIN | EPOLLRDHUP;
    event.data.u64 = number;
    ::epoll_ctl(epoll_.get(), EPOLL_CTL_ADD, fd, &event);
    return number;
}

void ShimLinks::send(std::uint64_t link, int signal) {
    const std::lock_guard lock(mutex_);
    const auto found = links_.find(link);
    if (found != links_.end()) send_signal(found->second->connection.get(), signal);
}

bool ShimLinks::send_request(std::uint64_t link, int request, const std::vector<int>& descriptors) {
    const std::lock_guard lock(mutex_);
    const auto found = links_.find(link);
    return found != links_.end() &&
           containerizer::send_request(found->second->connection.get(), request, descriptors);
}

void ShimLinks::read(std::uint64_t number) {
    std::shared_ptr<Link> link;
    {
        const std::lock_guard lock(mutex_);
        const auto found = links_.find(number);
        if (found == links_.end()) return;
        link = found->second;
    }
    for (;;) {
        shim_report report{};
        const ssize_t got = ::recv(link->connection.get(), &report, sizeof report, MSG_DONTWAIT);
        if (got < 0 && errno == EINTR) continue;
        if (got < 0 && errno == EAGAIN) return;
        if (got <= 0) break;
        report.container[SHIM_CONTAINER_ID_MAX - 1] = 0;
        if (got == static_cast<ssize_t>(sizeof report) && report.version == SHIM_VERSION)
            link->handlers.reported(report);
    }
    {
        const std::lock_guard lock(mutex_);
        ::epoll_ctl(epoll_.get(), EPOLL_CTL_DEL, link->connection.get(), nullptr);
        links_.erase(number);
    }
    link->handlers.closed();
}

void ShimLinks::run() {
    epoll_event events[64];
    for (;;) {
        const int count = ::epoll_wait(epoll_.get(), events, 64, -1);
        for (int i = 0; i < count; ++i) {
            if (events[i].data.u64 == 0) return;
            read(events[i].data.u64);
        }
    }
}

}  // namespace tepui::containerizer
