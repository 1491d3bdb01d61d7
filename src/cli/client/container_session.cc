#include "cli/client/container_session.h"

#include <fcntl.h>
#include <signal.h>
#include <sys/stat.h>
#include <unistd.h>

#include <random>

#include <fmt/format.h>
#include <boost/asio/co_spawn.hpp>
#include <boost/asio/detached.hpp>
#include <boost/asio/posix/stream_descriptor.hpp>
#include <boost/asio/signal_set.hpp>
#include <boost/asio/this_coro.hpp>
#include <boost/asio/use_awaitable.hpp>

#include "cli/client/master_api.h"
#include "cli/client/terminal.h"
#include "wire/media.h"
#include "wire/recordio.h"

namespace tepui::cli {
namespace {

namespace v1 = mesos::v1;
using v1::agent::Call;
using v1::agent::ProcessIO;

http::ClientRequest request_to(const std::string& agent, const Call& call) {
    http::ClientRequest request;
    request.method = "POST";
    if (const auto url = http::parse_url(agent)) request.url = *url;
    request.url.target = "/api/v1";
    const std::string media(wire::media_protobuf);
    request.headers = {{"Content-Type", media}, {"Accept", media}};
    request.body = call.SerializeAsString();
    return request;
}

std::string new_container_id() {
    std::random_device device;
    std::string id;
    for (int i = 0; i < 4; ++i) id += fmt::format("{:08x}", device());
    return id;
}

/// Signals that end a client are the command's instead; the second of a kind ends us after all.
asio::awaitable<void> pass_signals(http::Client& client, std::string agent, v1::ContainerID id,
                                   std::shared_ptr<asio::signal_set> signals,
                                   std::shared_ptr<http::ClientStream> stream) {
    for (int count = 0;; ++count) {
        const auto [error, number] =
            co_await signals->async_wait(asio::as_tuple(asio::use_awaitable));
        if (error) co_return;
        if (count > 0) {
            stream->close();  // And with the connection goes the command.
            co_return;
        }
        Call call;
        call.set_type(Call::KILL_CONTAINER);
        *call.mutable_kill_container()->mutable_container_id() = id;
        call.mutable_kill_container()->set_signal(number);
        co_await call_agent(client, agent, std::move(call));
    }
}

asio::awaitable<Result<std::int32_t>> ask_end(http::Client& client, std::string agent,
                                              v1::ContainerID id) {
    Call wait;
    wait.set_type(Call::WAIT_CONTAINER);
    *wait.mutable_wait_container()->mutable_container_id() = id;
    auto answer = co_await call_agent(client, agent, std::move(wait));
    if (!answer) co_return std::unexpected(answer.error());
    Call remove;
    remove.set_type(Call::REMOVE_CONTAINER);
    *remove.mutable_remove_container()->mutable_container_id() = id;
    co_await call_agent(client, agent, std::move(remove));
    if (!answer->wait_container().has_exit_status())
        co_return fail(Errc::io, "the task ended, and the command with it");
    co_return answer->wait_container().exit_status();
}

}  // namespace

asio::awaitable<Result<v1::agent::Response>> call_agent(http::Client& client, std::string agent,
                                                        Call call) {
    auto request = request_to(agent, call);
    auto response = co_await client.request(std::move(request));
    if (!response) co_return std::unexpected(response.error());
    if (response->status != 200) co_return std::unexpected(status_error(*response));
    const std::string body = response->body ? *response->body : "";
    v1::agent::Response answer;
    if (!body.empty() && !answer.ParseFromString(body))
        co_return fail(Errc::io, "the agent {} answered what is no protobuf", agent);
    co_return std::move(answer);
}

std::optional<v1::ContainerID> container_of(const v1::Task& task) {
    for (int i = task.statuses_size() - 1; i >= 0; --i) {
        const auto& status = task.statuses(i).container_status();
        if (status.has_container_id()) return status.container_id();
    }
    return std::nullopt;
}

asio::awaitable<Result<std::unique_ptr<http::ClientStream>>> open_output(http::Client& client,
                                                                         std::string agent,
                                                                         Call call) {
    auto request = request_to(agent, call);
    request.headers.set("Accept", "application/recordio");
    request.headers.set("Message-Accept", std::string(wire::media_protobuf));
    auto stream = co_await client.open(std::move(request));
    if (!stream) co_return std::unexpected(stream.error());
    if ((*stream)->status() == 200) co_return std::move(*stream);
    std::string text;
    for (;;) {
        auto part = co_await (*stream)->read();
        if (!part || part->empty()) break;
        text += *part;
    }
    co_return std::unexpected(status_error((*stream)->status(), text));
}

asio::awaitable<Result<void>> pass_output(http::ClientStream& stream,
                                          std::function<void(std::string_view)> out,
                                          std::function<void(std::string_view)> err) {
    wire::RecordDecoder decoder;
    for (;;) {
        auto bytes = co_await stream.read();
        if (!bytes) co_return std::unexpected(bytes.error());
        if (bytes->empty()) co_return Result<void>{};
        if (auto fed = decoder.feed(*bytes); !fed) co_return fed;
        while (const auto record = decoder.next()) {
            ProcessIO io;
            if (!io.ParseFromString(*record))
                co_return fail(Errc::io, "the agent sent what is no record of ProcessIO");
            if (io.type() != ProcessIO::DATA) continue;
            (io.data().type() == ProcessIO::Data::STDERR ? err : out)(io.data().data());
        }
    }
}

asio::awaitable<Result<void>> InputPass::send(ProcessIO io) {
    Call call;
    call.set_type(Call::ATTACH_CONTAINER_INPUT);
    auto& record = *call.mutable_attach_container_input();
    record.set_type(Call::AttachContainerInput::PROCESS_IO);
    *record.mutable_process_io() = std::move(io);
    auto sent = co_await upload_->send(call.SerializeAsString());
    co_return sent;
}

asio::awaitable<Result<void>> InputPass::send_size() {
    const auto size = window_size(STDIN_FILENO);
    if (!terminal_ || !size) co_return Result<void>{};
    ProcessIO io;
    io.set_type(ProcessIO::CONTROL);
    io.mutable_control()->set_type(ProcessIO::Control::TTY_INFO);
    auto& window = *io.mutable_control()->mutable_tty_info()->mutable_window_size();
    window.set_rows(size->rows);
    window.set_columns(size->columns);
    auto sent = co_await send(std::move(io));
    co_return sent;
}

asio::awaitable<Result<void>> InputPass::run() {
    const auto self = shared_from_this();
    auto opened = co_await Upload::open(agent_, "/api/v1");
    if (!opened) co_return std::unexpected(opened.error());
    if (closed_) co_return Result<void>{};
    upload_ = std::move(*opened);
    Call first;
    first.set_type(Call::ATTACH_CONTAINER_INPUT);
    first.mutable_attach_container_input()->set_type(Call::AttachContainerInput::CONTAINER_ID);
    *first.mutable_attach_container_input()->mutable_container_id() = container_;
    auto sent = co_await upload_->send(first.SerializeAsString());
    if (sent) sent = co_await send_size();
    while (sent && !closed_) {
        auto bytes = co_await input_();
        if (closed_) break;
        if (bytes && bytes->empty()) {
            sent = co_await send_size();
            continue;
        }
        ProcessIO io;
        io.set_type(ProcessIO::DATA);
        io.mutable_data()->set_type(ProcessIO::Data::STDIN);
        io.mutable_data()->set_data(bytes ? std::move(*bytes) : "");
        sent = co_await send(std::move(io));
        if (bytes) continue;
        if (sent) sent = co_await upload_->finish();
        break;
    }
    co_return sent;
}

void InputPass::close() {
    closed_ = true;
    if (upload_) upload_->close();
}

asio::awaitable<Result<std::int32_t>> run_session(http::Client& client, std::string agent,
                                                  SessionOptions options) {
    Call call;
    call.set_type(Call::LAUNCH_NESTED_CONTAINER_SESSION);
    auto& launch = *call.mutable_launch_nested_container_session();
    launch.mutable_container_id()->set_value(new_container_id());
    *launch.mutable_container_id()->mutable_parent() = options.parent;
    v1::CommandInfo& command = *launch.mutable_command();
    command.set_shell(false);
    command.set_value(options.command.front());
    for (const std::string& argument : options.command) command.add_arguments(argument);
    if (!options.user.empty()) command.set_user(options.user);
    if (options.terminal) {
        auto& terminal = *launch.mutable_container();
        terminal.set_type(v1::ContainerInfo::MESOS);
        auto& window = *terminal.mutable_tty_info()->mutable_window_size();
        const WindowSize size = window_size(STDIN_FILENO).value_or(WindowSize{});
        window.set_rows(size.rows);
        window.set_columns(size.columns);
        auto& variable = *command.mutable_environment()->add_variables();
        const char* const kind = ::getenv("TERM");
        variable.set_name("TERM");
        variable.set_value(kind == nullptr ? "xterm" : kind);
    }
    const v1::ContainerID id = launch.container_id();
    auto opened = co_await open_output(client, agent, std::move(call));
    if (!opened) co_return std::unexpected(opened.error());
    const std::shared_ptr<http::ClientStream> stream = std::move(*opened);
    const auto executor = co_await asio::this_coro::executor;
    std::shared_ptr<InputPass> input;
    if (options.input) {
        input = std::make_shared<InputPass>(agent, id, options.terminal, options.input);
        asio::co_spawn(executor, input->run(), asio::detached);
    }
    auto signals = std::make_shared<asio::signal_set>(executor);
    if (options.passes_signals) {
        for (const int number : {SIGINT, SIGTERM, SIGHUP, SIGQUIT}) signals->add(number);
        asio::co_spawn(executor, pass_signals(client, agent, id, signals, stream), asio::detached);
    }
    auto passed = co_await pass_output(*stream, options.out, options.err);
    signals->cancel();
    if (input) input->close();
    if (!passed) co_return std::unexpected(passed.error());
    auto end = co_await ask_end(client, agent, id);
    co_return end;
}

struct StandardInput::Impl {
    explicit Impl(asio::any_io_executor executor) : file(executor), window(executor, SIGWINCH) {}
    asio::posix::stream_descriptor file;
    asio::signal_set window;
    bool plain_file = false;  // Which is always ready, and can't be waited for.
    bool resized = false;
    bool stopped = false;
};

namespace {

asio::awaitable<void> watch_window(std::shared_ptr<StandardInput::Impl> impl);

}  // namespace

StandardInput::StandardInput(asio::any_io_executor executor)
    : impl_(std::make_shared<Impl>(executor)) {
    boost::system::error_code error;
    impl_->file.assign(::fcntl(STDIN_FILENO, F_DUPFD_CLOEXEC, 3), error);
    impl_->plain_file = static_cast<bool>(error);
    asio::co_spawn(executor, watch_window(impl_), asio::detached);
}

StandardInput::~StandardInput() { stop(); }

void StandardInput::stop() {
    impl_->stopped = true;
    boost::system::error_code ignored;
    impl_->window.cancel(ignored);
    impl_->file.close(ignored);
}

namespace {

asio::awaitable<void> watch_window(std::shared_ptr<StandardInput::Impl> impl) {
    for (;;) {
        const auto [error, number] =
            co_await impl->window.async_wait(asio::as_tuple(asio::use_awaitable));
        if (error || impl->stopped) co_return;
        impl->resized = true;
        boost::system::error_code ignored;
        impl->file.cancel(ignored);
    }
}

}  // namespace

asio::awaitable<std::optional<std::string>> StandardInput::read() {
    const auto impl = impl_;
    for (;;) {
        if (impl->stopped) co_return std::nullopt;
        if (std::exchange(impl->resized, false)) co_return std::string();
        if (!impl->plain_file) {
            // Waited for, then read: the file itself stays as its other users know it.
            const auto [error] = co_await impl->file.async_wait(
                asio::posix::stream_descriptor::wait_read, asio::as_tuple(asio::use_awaitable));
            if (impl->stopped || impl->resized) continue;
            if (error) co_return std::nullopt;
        }
        std::string bytes(std::size_t{16} << 10, '\0');
        const ssize_t got = ::read(STDIN_FILENO, bytes.data(), bytes.size());
        if (got < 0 && (errno == EINTR || errno == EAGAIN)) continue;
        if (got <= 0) co_return std::nullopt;
        bytes.resize(static_cast<std::size_t>(got));
        co_return std::move(bytes);
    }
}

}  // namespace tepui::cli
