#include "agent/container_io.h"

#include <sys/ioctl.h>

#include <atomic>
#include <cstring>
#include <utility>

#include <boost/asio/co_spawn.hpp>
#include <boost/asio/detached.hpp>
#include <boost/asio/posix/stream_descriptor.hpp>
#include <boost/asio/post.hpp>
#include <boost/asio/use_awaitable.hpp>
#include <boost/asio/write.hpp>

#include "agent/container_channel.h"
#include "daemon/await_callback.h"

namespace tepui::agent {

namespace v1 = mesos::v1;
using containerizer::Descriptor;

ContainerIo::ContainerIo(Duration heartbeat)
    : guard_(context_.get_executor()), heart_(context_), heartbeat_(heartbeat) {
    asio::co_spawn(context_, beat(), asio::detached);
    thread_ = std::jthread([this] { context_.run(); });
}

ContainerIo::~ContainerIo() { stop(); }

void ContainerIo::stop() {
    std::set<std::shared_ptr<Channel>> channels;
    {
        const std::lock_guard lock(mutex_);
        if (std::exchange(stopped_, true)) return;
        channels.swap(channels_);
        sessions_.clear();
    }
    asio::post(context_, [this, &channels] {
        for (const auto& channel : channels) channel->close();
        heart_.cancel();
    });
    guard_.reset();
    thread_.join();  // Every coroutine has come to its end.
}

asio::awaitable<void> ContainerIo::beat() {
    for (;;) {
        {
            const std::lock_guard lock(mutex_);
            if (stopped_) co_return;
        }
        heart_.expires_after(heartbeat_);
        co_await heart_.async_wait(asio::as_tuple(asio::use_awaitable));
        std::set<std::shared_ptr<Channel>> channels;
        {
            const std::lock_guard lock(mutex_);
            if (stopped_) co_return;
            channels = channels_;
        }
        for (const auto& channel : channels) channel->beat(heartbeat_);
    }
}

void ContainerIo::add_session(const ContainerId& session, containerizer::SessionPipes pipes) {
    const auto channel = Channel::make_session(context_, std::move(pipes));
    const std::lock_guard lock(mutex_);
    if (stopped_) return;
    sessions_.insert_or_assign(session, channel);
    channels_.insert(channel);
    channel->on_end([this, session, raw = std::weak_ptr(channel)] {
        const std::lock_guard inner(mutex_);
        const auto ended = raw.lock();
        channels_.erase(ended);
        const auto found = sessions_.find(session);
        if (found != sessions_.end() && found->second == ended) sessions_.erase(found);
    });
}

std::shared_ptr<ContainerIo::Channel> ContainerIo::find(const ContainerId& session) {
    const std::lock_guard lock(mutex_);
    const auto found = sessions_.find(session);
    return found == sessions_.end() ? nullptr : found->second;
}

std::shared_ptr<http::BodyStream> ContainerIo::listen(const std::shared_ptr<Channel>& channel,
                                                      wire::Media media) {
    auto stream = http::make_body_stream();
    asio::post(context_, [channel, stream, media] { channel->add_listener(stream, media); });
    return stream;
}

std::shared_ptr<http::BodyStream> ContainerIo::listen(const ContainerId& session,
                                                      wire::Media media) {
    const auto channel = find(session);
    return channel ? listen(channel, media) : nullptr;
}

std::shared_ptr<http::BodyStream> ContainerIo::listen(Descriptor attachment, wire::Media media) {
    const auto channel = Channel::make_attachment(context_, std::move(attachment));
    {
        const std::lock_guard lock(mutex_);
        if (stopped_) return nullptr;
        channels_.insert(channel);
    }
    channel->on_end([this, raw = std::weak_ptr(channel)] {
        const std::lock_guard lock(mutex_);
        channels_.erase(raw.lock());
    });
    auto stream = listen(channel, media);
    stream->on_end([this, raw = std::weak_ptr(channel)](http::StreamEnd) {
        if (const auto open = raw.lock()) asio::post(context_, [open] { open->close(); });
    });
    return stream;
}

/// The one writer of a container.
class ContainerIo::ChannelInput final : public Input {
public:
    ChannelInput(asio::io_context& context, std::shared_ptr<Channel> channel, bool owns,
                 std::function<void()> released)
        : context_(context),
          channel_(std::move(channel)),
          owns_(owns),
          released_(std::move(released)) {}
    ~ChannelInput() override {
        if (owns_) asio::post(context_, [channel = channel_] { channel->close(); });
        released_();
    }

    asio::awaitable<Result<void>> put(v1::agent::ProcessIO io) override {
        auto start = [this, io = std::move(io)](std::function<void(Result<void>)> done) mutable {
            auto work = put_there(channel_, std::move(io));
            asio::co_spawn(context_, std::move(work),
                           [done](std::exception_ptr thrown, Result<void> result) {
                               done(thrown ? fail(Errc::internal, "writing failed") : result);
                           });
        };
        auto result = co_await daemon::await_callback<Result<void>>(std::move(start));
        co_return result;
    }

private:
    static asio::awaitable<Result<void>> put_there(std::shared_ptr<Channel> channel,
                                                   v1::agent::ProcessIO io) {
        auto result = co_await channel->put(std::move(io));
        co_return result;
    }

    asio::io_context& context_;
    const std::shared_ptr<Channel> channel_;
    const bool owns_;
    const std::function<void()> released_;
};

Result<std::shared_ptr<ContainerIo::Input>> ContainerIo::take_input(
    const ContainerId& container, std::shared_ptr<Channel> channel) {
    {
        const std::lock_guard lock(*inputs_mutex_);
        if (!inputs_->insert(container).second)
            return fail(Errc::conflict, "somebody else writes to container '{}'", container);
    }
    const bool owns = channel->is_attachment();
    auto released = [inputs = inputs_, mutex = inputs_mutex_, container] {
        const std::lock_guard lock(*mutex);
        inputs->erase(container);
    };
    return std::shared_ptr<Input>(
        std::make_shared<ChannelInput>(context_, std::move(channel), owns, std::move(released)));
}

Result<std::shared_ptr<ContainerIo::Input>> ContainerIo::write_to(const ContainerId& session) {
    auto channel = find(session);
    if (!channel) return fail(Errc::not_found, "there is no session '{}'", session);
    return take_input(session, std::move(channel));
}

Result<std::shared_ptr<ContainerIo::Input>> ContainerIo::write_to(const ContainerId& container,
                                                                  Descriptor attachment) {
    auto channel = Channel::make_attachment(context_, std::move(attachment));
    {
        const std::lock_guard lock(mutex_);
        if (stopped_) return fail(Errc::unavailable, "The agent is stopping.");
        channels_.insert(channel);
    }
    channel->on_end([this, raw = std::weak_ptr(channel)] {
        const std::lock_guard lock(mutex_);
        channels_.erase(raw.lock());
    });
    return take_input(container, std::move(channel));
}

}  // namespace tepui::agent
