#include "agent/container_channel.h"

#include <fcntl.h>
#include <sys/ioctl.h>

#include <array>
#include <cstring>
#include <utility>

#include <boost/asio/co_spawn.hpp>
#include <boost/asio/detached.hpp>
#include <boost/asio/post.hpp>
#include <boost/asio/use_awaitable.hpp>
#include <boost/asio/write.hpp>

#include "wire/recordio.h"

namespace tepui::agent {
namespace {

namespace v1 = mesos::v1;
using v1::agent::ProcessIO;

/// What may be on its way to a listener before the session has to wait for it.
constexpr std::size_t backlog_bytes_max = std::size_t{1} << 20;

int keep(containerizer::Descriptor& descriptor) {
    return ::fcntl(descriptor.get(), F_DUPFD_CLOEXEC, 3);
}

}  // namespace

ContainerIo::Channel::Channel(asio::io_context& context)
    : context_(context),
      input_(context),
      output_(context),
      errors_(context),
      backlog_(std::make_shared<Backlog>(context)) {}

std::shared_ptr<ContainerIo::Channel> ContainerIo::Channel::make_session(
    asio::io_context& context, containerizer::SessionPipes pipes) {
    auto channel = std::make_shared<Channel>(context);
    channel->terminal_ = pipes.terminal;
    channel->resize_ = std::move(pipes.resize);
    const std::pair<File*, containerizer::Descriptor*> files[] = {
        {&channel->input_, &pipes.input},
        {&channel->output_, &pipes.output},
        {&channel->errors_, &pipes.errors}};
    for (const auto& [file, descriptor] : files) {
        boost::system::error_code ignored;
        if (*descriptor) file->assign(keep(*descriptor), ignored);
    }
    return channel;
}

std::shared_ptr<ContainerIo::Channel> ContainerIo::Channel::make_attachment(
    asio::io_context& context, containerizer::Descriptor socket) {
    auto channel = std::make_shared<Channel>(context);
    channel->attachment_ = true;
    boost::system::error_code ignored;
    channel->output_.assign(keep(socket), ignored);
    return channel;
}

void ContainerIo::Channel::add_listener(std::shared_ptr<http::BodyStream> stream,
                                        wire::Media media) {
    if (ended_already_) return stream->finish();
    listeners_.push_back({std::move(stream), media});
    if (std::exchange(reading_, true)) return;
    for (File* file : {&output_, &errors_}) {
        if (!file->is_open()) continue;
        ++pumps_;
        const auto type = file == &output_ ? ProcessIO::Data::STDOUT : ProcessIO::Data::STDERR;
        asio::co_spawn(context_, pump(shared_from_this(), *file, type), asio::detached);
    }
}

asio::awaitable<void> ContainerIo::Channel::pump(std::shared_ptr<Channel> self, File& from,
                                                 Stream stream) {
    std::array<char, containerizer::k_attach_packet_max> buffer;
    for (;;) {
        co_await self->wait_for_room();
        const auto [error, count] = co_await from.async_read_some(
            asio::buffer(buffer), asio::as_tuple(asio::use_awaitable));
        if (error || count == 0) break;
        const std::string_view bytes(buffer.data(), count);
        if (!self->attachment_) {
            self->publish(stream, bytes);
        } else if (bytes.front() == 'o' || bytes.front() == 'e') {
            self->publish(bytes.front() == 'o' ? ProcessIO::Data::STDOUT : ProcessIO::Data::STDERR,
                          bytes.substr(1));
        }
    }
    if (--self->pumps_ == 0) self->close();
}

asio::awaitable<void> ContainerIo::Channel::wait_for_room() {
    while (backlog_->bytes.load() > backlog_bytes_max && !ended_already_) {
        // Two pumps may wait; setting the timer again would wake the other.
        if (backlog_->emptied.expiry() <= asio::steady_timer::clock_type::now())
            backlog_->emptied.expires_after(std::chrono::seconds{1});
        if (backlog_->bytes.load() <= backlog_bytes_max) break;
        co_await backlog_->emptied.async_wait(asio::as_tuple(asio::use_awaitable));
    }
}

std::shared_ptr<const std::string> ContainerIo::Channel::counted(std::string record) {
    backlog_->bytes += record.size();
    const std::weak_ptr<Backlog> backlog = backlog_;
    const auto forget = [backlog, &context = context_](const std::string* text) {
        const std::size_t bytes = text->size();
        delete text;
        const auto open = backlog.lock();
        if (!open) return;
        const std::size_t before = open->bytes.fetch_sub(bytes);
        if (before > backlog_bytes_max && before - bytes <= backlog_bytes_max)
            asio::post(context, [open] { open->emptied.cancel(); });
    };
    return {new std::string(std::move(record)), forget};
}

void ContainerIo::Channel::send(const ProcessIO& message) {
    bool first = true;
    std::erase_if(listeners_, [&](const Listener& listener) {
        std::string record = wire::encode_record(wire::encode(listener.media, message));
        // An attachment's container is never held up: its shim drops who does not read.
        auto chunk = std::exchange(first, false)
                         ? counted(std::move(record))
                         : std::make_shared<const std::string>(std::move(record));
        return !listener.stream->push(std::move(chunk));
    });
}

void ContainerIo::Channel::publish(Stream stream, std::string_view bytes) {
    if (bytes.empty()) return;
    ProcessIO message;
    message.set_type(ProcessIO::DATA);
    message.mutable_data()->set_type(stream);
    message.mutable_data()->set_data(bytes.data(), bytes.size());
    send(message);
}

void ContainerIo::Channel::beat(Duration interval) {
    ProcessIO message;
    message.set_type(ProcessIO::CONTROL);
    message.mutable_control()->set_type(ProcessIO::Control::HEARTBEAT);
    message.mutable_control()->mutable_heartbeat()->mutable_interval()->set_nanoseconds(
        interval.count());
    send(message);
}

void ContainerIo::Channel::close() {
    if (std::exchange(ended_already_, true)) return;
    boost::system::error_code ignored;
    for (File* file : {&input_, &output_, &errors_}) file->close(ignored);
    backlog_->emptied.cancel();
    for (const Listener& listener : std::exchange(listeners_, {})) listener.stream->finish();
    if (ended_) std::exchange(ended_, nullptr)();
}

asio::awaitable<Result<void>> ContainerIo::Channel::put(ProcessIO io) {
    Result<void> result;
    if (io.type() == ProcessIO::DATA && io.data().type() == ProcessIO::Data::STDIN) {
        if (io.data().data().empty()) {
            result = co_await end_input();
        } else {
            result = co_await write_input(std::move(*io.mutable_data()->mutable_data()));
        }
    } else if (io.type() == ProcessIO::CONTROL &&
               io.control().type() == ProcessIO::Control::TTY_INFO) {
        const auto& size = io.control().tty_info().window_size();
        result = co_await resize(static_cast<std::uint16_t>(size.rows()),
                                 static_cast<std::uint16_t>(size.columns()));
    }
    co_return result;
}

asio::awaitable<Result<void>> ContainerIo::Channel::write_input(std::string bytes) {
    constexpr std::size_t part_max = containerizer::k_attach_packet_max - 1;
    if (attachment_) {
        for (std::size_t at = 0; at < bytes.size(); at += part_max) {
            std::string packet = 'i' + bytes.substr(at, part_max);
            auto sent = co_await send_packet(std::move(packet));
            if (!sent) co_return sent;
        }
        co_return Result<void>{};
    }
    if (!input_.is_open()) co_return fail(Errc::cancelled, "the input of the container is closed");
    const auto [error, count] = co_await asio::async_write(input_, asio::buffer(bytes),
                                                           asio::as_tuple(asio::use_awaitable));
    if (error) co_return fail(Errc::cancelled, "the command reads no more");
    co_return Result<void>{};
}

asio::awaitable<Result<void>> ContainerIo::Channel::end_input() {
    if (attachment_) {
        auto sent = co_await send_packet("z");
        co_return sent;
    }
    boost::system::error_code ignored;
    // A terminal's end of input is a character that is typed.
    if (!terminal_) input_.close(ignored);
    co_return Result<void>{};
}

asio::awaitable<Result<void>> ContainerIo::Channel::resize(std::uint16_t rows,
                                                           std::uint16_t columns) {
    if (attachment_) {
        std::string packet(1, 'w');
        packet.append(reinterpret_cast<const char*>(&rows), sizeof rows);
        packet.append(reinterpret_cast<const char*>(&columns), sizeof columns);
        auto sent = co_await send_packet(std::move(packet));
        co_return sent;
    }
    if (resize_ && input_.is_open()) {
        resize_(rows, columns);
        co_return Result<void>{};
    }
    if (terminal_ && input_.is_open() && rows > 0 && columns > 0) {
        const winsize size{rows, columns, 0, 0};
        ::ioctl(input_.native_handle(), TIOCSWINSZ, &size);
    }
    co_return Result<void>{};
}

asio::awaitable<Result<void>> ContainerIo::Channel::send_packet(std::string packet) {
    if (!output_.is_open()) co_return fail(Errc::cancelled, "the container has ended");
    const auto [error, count] = co_await output_.async_write_some(
        asio::buffer(packet), asio::as_tuple(asio::use_awaitable));
    if (error) co_return fail(Errc::cancelled, "the container has ended");
    co_return Result<void>{};
}

}  // namespace tepui::agent
