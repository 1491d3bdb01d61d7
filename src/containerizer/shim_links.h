#pragma once

#include <cstdint>
#include <functional>
#include <map>
#include <memory>
#include <mutex>
#include <thread>
#include <vector>

#include "containerizer/descriptor.h"
#include "shim/protocol.h"

namespace tepui::containerizer {

/// The connections to all shims, read by one thread.
class ShimLinks {
public:
    struct Handlers {
        std::function<void(const shim_report&)> reported;
        std::function<void()> closed;  // Once; the last call.
    };

    ShimLinks();
    ShimLinks(const ShimLinks&) = delete;
    ShimLinks& operator=(const ShimLinks&) = delete;
    ~ShimLinks();

    /// Takes a connection over. Handlers run on the links' thread, never at the same time. Returns
    /// the number to use in send().
    std::uint64_t add(Descriptor connection, Handlers handlers);
    /// Sends a signal request; nothing happens when the connection is closed.
    void send(std::uint64_t link, int signal);
    /// Sends a request (SHIM_PROBE, SHIM_ATTACH) with its descriptors; false when the connection is
    /// closed.
    bool send_request(std::uint64_t link, int request, const std::vector<int>& descriptors);
    /// Ends the thread; handlers are not called any more.
    void stop();

private:
    struct Link {
        Descriptor connection;
        Handlers handlers;
    };
    void run();
    void read(std::uint64_t number);

    Descriptor epoll_;
    Descriptor wake_;
    std::mutex mutex_;
    std::map<std::uint64_t, std::shared_ptr<Link>> links_;
    std::uint64_t next_ = 1;  // 0 is wake_.
    std::jthread thread_;
};

}  // namespace tepui::containerizer
