// Commands in a container that somebody talks to, by the Engine's exec: its stream of bytes is cut
// into the pipes that the agent reads, and back.

#include <fcntl.h>
#include <signal.h>
#include <sys/socket.h>
#include <sys/wait.h>
#include <unistd.h>

#include <array>
#include <utility>

#include <boost/asio/as_tuple.hpp>
#include <boost/asio/posix/stream_descriptor.hpp>
#include <boost/asio/post.hpp>
#include <boost/asio/use_awaitable.hpp>
#include <boost/asio/write.hpp>

#include "containerizer/docker/docker_containerizer.h"
#include "containerizer/docker/exec.h"
#include "containerizer/docker/log_frames.h"
#include "containerizer/secrets/resolver.h"

namespace tepui::containerizer::docker {
namespace {

constexpr Duration k_pause = 20ms;
constexpr Duration k_pause_max = 1s;
constexpr int k_pid_attempts = 50;
constexpr Duration k_for_ever = 24h * 365;
constexpr Duration k_last_words = 1s;
constexpr std::size_t k_part_bytes = 32768;
constexpr auto use_tuple = asio::as_tuple(asio::use_awaitable);

using File = asio::posix::stream_descriptor;

/// The ends of a session's stdio that the Engine's stream is copied to and from.
struct FarEnds {
    explicit FarEnds(asio::io_context& io) : input(io), output(io), errors(io) {}
    File input;
    File output;
    File errors;
};

/// Two ends of a pipe, or of a socket.
struct Ends {
    Descriptor near;
    Descriptor far;
};

Result<Ends> make_pipe(bool near_reads) {
    int ends[2];
    if (::pipe2(ends, O_CLOEXEC) != 0)
        return fail(Errc::io, "cannot make a pipe: {}", errno_text());
    if (!near_reads) std::swap(ends[0], ends[1]);
    return Ends{Descriptor(ends[0]), Descriptor(ends[1])};
}

Result<void> hand_over(Descriptor from, File& to) {
    const int copy = ::fcntl(from.get(), F_DUPFD_CLOEXEC, 3);
    boost::system::error_code error;
    if (copy >= 0) to.assign(copy, error);
    if (copy < 0 || error) return fail(Errc::io, "cannot keep a pipe: {}", errno_text());
    return {};
}

/// Of a terminal one socket in place of the pseudo terminal, which the Engine has.
Result<SessionPipes> make_pipes(bool terminal, FarEnds& far) {
    SessionPipes pipes;
    pipes.terminal = terminal;
    if (terminal) {
        int ends[2];
        if (::socketpair(AF_UNIX, SOCK_STREAM | SOCK_CLOEXEC, 0, ends) != 0)
            return fail(Errc::io, "cannot make a socket pair: {}", errno_text());
        pipes.output = Descriptor(ends[0]);
        Descriptor other(ends[1]);
        pipes.input = Descriptor(::fcntl(pipes.output.get(), F_DUPFD_CLOEXEC, 3));
        Descriptor again(::fcntl(other.get(), F_DUPFD_CLOEXEC, 3));
        TEPUI_CHECK_OK(hand_over(std::move(again), far.input));
        TEPUI_CHECK_OK(hand_over(std::move(other), far.output));
        return pipes;
    }
    Ends input = TEPUI_TRY(make_pipe(false));
    Ends output = TEPUI_TRY(make_pipe(true));
    Ends errors = TEPUI_TRY(make_pipe(true));
    TEPUI_CHECK_OK(hand_over(std::move(input.far), far.input));
    TEPUI_CHECK_OK(hand_over(std::move(output.far), far.output));
    TEPUI_CHECK_OK(hand_over(std::move(errors.far), far.errors));
    pipes.input = std::move(input.near);
    pipes.output = std::move(output.near);
    pipes.errors = std::move(errors.near);
    return pipes;
}

/// Somebody who reads no more does not keep the command from going on.
asio::awaitable<void> write_to(File& file, std::string bytes) {
    if (!file.is_open() || bytes.empty()) co_return;
    const auto [error, count] = co_await asio::async_write(file, asio::buffer(bytes), use_tuple);
    boost::system::error_code ignored;
    if (error) file.close(ignored);
}

/// What the command writes, until it has closed its output. Without a terminal in frames.
asio::awaitable<void> copy_out(std::shared_ptr<Upgraded> stream, std::shared_ptr<FarEnds> far,
                               bool terminal) {
    FrameCutter cutter(false);
    std::string part = std::exchange(stream->first, {});
    part.reserve(k_part_bytes);
    std::array<char, k_part_bytes> buffer;
    for (;;) {
        std::string output;
        std::string errors;
        if (terminal) {
            output = std::move(part);
        } else {
            const auto sort = [&](const LogFrame& frame) {
                (frame.is_stderr ? errors : output).append(frame.bytes);
            };
            const Result<void> cut = cutter.feed(part, sort);
            if (!cut) co_return;
        }
        co_await write_to(far->output, std::move(output));
        co_await write_to(far->errors, std::move(errors));
        const auto room = asio::buffer(buffer);
        const auto [error, count] = co_await stream->socket.async_read_some(room, use_tuple);
        if (error || count == 0) co_return;
        part.assign(buffer.data(), count);
    }
}

/// What is written to the command, until nobody writes any more.
asio::awaitable<void> copy_in(std::shared_ptr<Upgraded> stream, std::shared_ptr<FarEnds> far) {
    std::array<char, k_part_bytes> buffer;
    for (;;) {
        const auto room = asio::buffer(buffer);
        const auto [error, count] = co_await far->input.async_read_some(room, use_tuple);
        if (error || count == 0) break;
        const auto bytes = asio::buffer(buffer.data(), count);
        const auto [unsent, sent] = co_await asio::async_write(stream->socket, bytes, use_tuple);
        if (unsent) break;
    }
    boost::system::error_code ignored;
    stream->socket.shutdown(asio::socket_base::shutdown_send, ignored);
}

/// What is over takes its last words along when nobody reads them: its end is not held up by that.
asio::awaitable<void> cut_when_over(asio::io_context& io, StopPtr over,
                                    std::weak_ptr<FarEnds> ends) {
    co_await pause(io, k_for_ever, over);
    co_await pause(io, k_last_words, nullptr);
    const auto far = ends.lock();
    if (!far) co_return;
    boost::system::error_code ignored;
    far->output.close(ignored);
    far->errors.close(ignored);
}

}  // namespace

void DockerContainerizer::open_session(SessionSpec spec, OnSession opened, OnExited exited) {
    asio::post(io_, [this, spec = std::move(spec), opened = std::move(opened),
                     exited = std::move(exited)]() mutable {
        const Shared container = find(spec.parent);
        if (!container || container->phase != Phase::running)
            return opened(fail(Errc::not_found, "container '{}' does not run", spec.parent));
        if (has_secrets(spec.command))
            return opened(fail(Errc::unsupported,
                               "a command in a Docker container can't have secrets: the Engine "
                               "shows its environment"));
        auto session = std::make_shared<Session>();
        session->container = container;
        if (!sessions_.emplace(spec.session, session).second)
            return opened(fail(Errc::conflict, "container '{}' exists already", spec.session));
        spawn(
            run_session(std::move(session), std::move(spec), std::move(opened), std::move(exited)));
    });
}

asio::awaitable<void> DockerContainerizer::run_session(SharedSession session, SessionSpec spec,
                                                       OnSession opened, OnExited exited) {
    const auto far = std::make_shared<FarEnds>(io_);
    Result<SessionPipes> pipes = make_pipes(spec.terminal, *far);
    Result<std::shared_ptr<Upgraded>> stream = std::shared_ptr<Upgraded>();
    if (pipes) stream = co_await begin_session(session, spec);
    if (!pipes || !stream) {
        sessions_.erase(spec.session);
        opened(std::unexpected(pipes ? stream.error() : pipes.error()));
        co_return;
    }
    if (spec.terminal)
        pipes->resize = [this, session](std::uint16_t rows, std::uint16_t columns) {
            asio::post(io_, [this, session, rows, columns] {
                spawn(resize_session(session, rows, columns));
            });
        };
    opened(std::move(*pipes));
    for (const int signal : std::exchange(session->signals_waiting, {}))
        spawn(signal_session(session, signal));
    spawn(copy_in(*stream, far));
    spawn(cut_when_over(io_, session->over, far));
    session->container->gone->on_request(session, [over = session->over] { over->request(); });
    co_await copy_out(*stream, far, spec.terminal);
    // It may have closed its output and go on; then nobody hears it any more, but it still counts.
    Exited end;
    end.status = co_await await_session(session);
    session->ended = true;
    session->over->request();
    boost::system::error_code ignored;
    (*stream)->socket.close(ignored);
    for (File* file : {&far->input, &far->output, &far->errors}) file->close(ignored);
    sessions_.erase(spec.session);
    exited(std::move(end));
}

asio::awaitable<Result<std::shared_ptr<Upgraded>>> DockerContainerizer::begin_session(
    SharedSession session, const SessionSpec& spec) {
    const ExecWishes wishes{true, spec.terminal, spec.command.user()};
    Shared container = session->container;
    const std::string id = container->engine_id.empty() ? container->name : container->engine_id;
    Result<std::string> exec =
        co_await engine_.exec_create(id, exec_body(spec.command, wishes), container->gone);
    if (!exec) co_return std::unexpected(exec.error());
    session->exec = std::move(*exec);
    Result<std::shared_ptr<Upgraded>> stream =
        co_await engine_.exec_attach(session->exec, spec.terminal, container->gone);
    if (!stream) co_return std::unexpected(stream.error());
    // A program that is not there is told so only now.
    const Result<ExecInspected> now = co_await engine_.exec_inspect(session->exec, container->gone);
    if (now) session->pid = now->pid;
    if (spec.terminal) co_await resize_session(session, spec.rows, spec.columns);
    co_return stream;
}

asio::awaitable<void> DockerContainerizer::resize_session(SharedSession session, std::uint16_t rows,
                                                          std::uint16_t columns) {
    if (session->ended || rows == 0 || columns == 0) co_return;
    co_await engine_.exec_resize(session->exec, rows, columns, session->container->gone);
}

/// The wait(2) status; nothing when the Engine has lost it, and then nothing of it goes on.
asio::awaitable<std::optional<std::int32_t>> DockerContainerizer::await_session(
    SharedSession session) {
    Shared container = session->container;
    for (Duration between = k_pause;; between = std::min(2 * between, k_pause_max)) {
        const Result<ExecInspected> now = co_await engine_.exec_inspect(session->exec, stop_);
        if (now && !now->running) co_return W_EXITCODE(now->exit_code & 0xff, 0);
        if (now) session->pid = now->pid;
        const bool lost = !now && now.error().code != Errc::unavailable &&
                          now.error().code != Errc::timeout && now.error().code != Errc::io;
        if (lost || container->phase != Phase::running) break;
        co_await pause(io_, between, container->gone);
    }
    kill_tree(session->pid, container->engine_id);
    co_return std::nullopt;
}

asio::awaitable<void> DockerContainerizer::signal_session(SharedSession session, int signal) {
    Shared container = session->container;
    // What has just begun has no pid yet.
    for (int attempt = 0; attempt < k_pid_attempts && !session->ended; ++attempt) {
        const Result<ExecInspected> now =
            co_await engine_.exec_inspect(session->exec, container->gone);
        if (now && !now->running && now->pid > 0) co_return;
        if (now && now->pid > 0) {
            if (signal != SIGKILL) {
                signal_process(now->pid, container->engine_id, signal);
                co_return;
            }
            kill_tree(now->pid, container->engine_id);
            session->over->request();
            co_return;
        }
        co_await pause(io_, k_pause, container->gone);
    }
}

bool DockerContainerizer::signal_session_here(const ContainerId& id, int signal) {
    const auto found = sessions_.find(id);
    if (found == sessions_.end()) return false;
    if (found->second->exec.empty())
        found->second->signals_waiting.push_back(signal);
    else
        spawn(signal_session(found->second, signal));
    return true;
}

void DockerContainerizer::end_sessions() {
    for (const auto& [name, session] : sessions_)
        if (!session->ended) kill_tree(session->pid, session->container->engine_id);
}

}  // namespace tepui::containerizer::docker
