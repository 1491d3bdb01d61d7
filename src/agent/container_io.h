#pragma once

#include <chrono>
#include <map>
#include <memory>
#include <mutex>
#include <set>
#include <string>
#include <thread>
#include <vector>

#include <boost/asio/executor_work_guard.hpp>
#include <boost/asio/io_context.hpp>
#include <boost/asio/steady_timer.hpp>

#include "base/ids.h"
#include "base/result.h"
#include "containerizer/session.h"
#include "http/message.h"
#include "mesos/v1/agent/agent.pb.h"
#include "wire/media.h"

namespace tepui::agent {

namespace asio = boost::asio;

/// Stdio of sessions and of containers with a terminal, between descriptors and HTTP streams of
/// ProcessIO records. One thread of its own; any thread may call.
class ContainerIo {
public:
    class Channel;

    /// `heartbeat`: between two signs of life of each stream. Source: reference semantics.md 27.
    explicit ContainerIo(Duration heartbeat = std::chrono::seconds{30});
    ContainerIo(const ContainerIo&) = delete;
    ContainerIo& operator=(const ContainerIo&) = delete;
    ~ContainerIo();
    /// Ends everything and the thread. Idempotent.
    void stop();

    /// Keeps a session's stdio from now on. Nothing is read before somebody listens.
    void add_session(const ContainerId& session, containerizer::SessionPipes pipes);
    /// What a session writes; null when there is none of that name. The first to listen paces it:
    /// when it does not read, the session waits; any other is cut off instead.
    std::shared_ptr<http::BodyStream> listen(const ContainerId& session, wire::Media media);
    /// What comes over a container's attachment (containerizer/session.h).
    std::shared_ptr<http::BodyStream> listen(containerizer::Descriptor attachment,
                                             wire::Media media);

    /// Where one asker writes to; released by its end. A container has one at a time.
    class Input {
    public:
        virtual ~Input() = default;
        /// Returns when it was taken. Fails with cancelled when the container takes no more.
        virtual asio::awaitable<Result<void>> put(mesos::v1::agent::ProcessIO io) = 0;
    };
    /// Fails with not_found when there is no such session, conflict when somebody else writes.
    Result<std::shared_ptr<Input>> write_to(const ContainerId& session);
    Result<std::shared_ptr<Input>> write_to(const ContainerId& container,
                                            containerizer::Descriptor attachment);

private:
    class ChannelInput;

    asio::awaitable<void> beat();
    std::shared_ptr<Channel> find(const ContainerId& session);
    Result<std::shared_ptr<Input>> take_input(const ContainerId& container,
                                              std::shared_ptr<Channel> channel);
    std::shared_ptr<http::BodyStream> listen(const std::shared_ptr<Channel>& channel,
                                             wire::Media media);

    asio::io_context context_{1};
    asio::executor_work_guard<asio::io_context::executor_type> guard_;
    asio::steady_timer heart_;
    const Duration heartbeat_;
    std::mutex mutex_;  // Of what follows.
    bool stopped_ = false;
    std::map<ContainerId, std::shared_ptr<Channel>> sessions_;
    std::set<std::shared_ptr<Channel>> channels_;  // All that are open.
    /// Who is being written to.
    const std::shared_ptr<std::set<ContainerId>> inputs_ =
        std::make_shared<std::set<ContainerId>>();
    const std::shared_ptr<std::mutex> inputs_mutex_ = std::make_shared<std::mutex>();
    std::jthread thread_;
};

}  // namespace tepui::agent
