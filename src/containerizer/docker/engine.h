#pragma once

#include <functional>
#include <string>
#include <string_view>
#include <vector>

#include "containerizer/docker/answers.h"
#include "containerizer/docker/transport.h"

namespace tepui::containerizer::docker {

/// The label by which an agent knows its containers again: its work directory.
inline constexpr const char* k_label_work_dir = "tepui.work_dir";
inline constexpr const char* k_label_container = "tepui.container";
inline constexpr const char* k_label_agent = "tepui.agent";
inline constexpr const char* k_label_sandbox = "tepui.sandbox";

/// The calls of the Docker Engine's API that are used here, in the version that both sides know
/// (1.25 to 1.47). Errors carry the Engine's own text; not_found and conflict as it says them;
/// unavailable, timeout, cancelled and io of the transport. On the thread of the io context.
class Engine {
public:
    Engine(asio::io_context& io, std::string socket_path, Duration call_timeout)
        : transport_(io, std::move(socket_path)), call_timeout_(call_timeout) {}

    /// Whether the Engine answers; agrees on a version.
    asio::awaitable<Result<void>> ping(Duration timeout, StopPtr stop);

    asio::awaitable<Result<bool>> has_image(std::string image, StopPtr stop);
    /// Ends with an error when nothing is heard for the call timeout. `auth`: X-Registry-Auth, or
    /// empty. `told` hears of each layer.
    asio::awaitable<Result<void>> pull(std::string image, std::string auth,
                                       std::function<void(const PullLine&)> told, StopPtr stop);

    /// The new container's id.
    asio::awaitable<Result<std::string>> create(std::string name, std::string body, StopPtr stop);
    asio::awaitable<Result<void>> start(std::string id, StopPtr stop);
    asio::awaitable<Result<Inspected>> inspect(std::string id, StopPtr stop);
    /// Those with that label, ended ones too.
    asio::awaitable<Result<std::vector<Listed>>> list(std::string label, std::string value,
                                                      StopPtr stop);
    /// A container that does not run is no error.
    asio::awaitable<Result<void>> kill(std::string id, std::string signal, StopPtr stop);
    asio::awaitable<Result<void>> stop(std::string id, Duration grace, StopPtr stop);
    /// Whatever it does, with its anonymous volumes. One that is gone is no error.
    asio::awaitable<Result<void>> remove(std::string id, StopPtr stop);
    asio::awaitable<Result<void>> update(std::string id, std::string body, StopPtr stop);

    /// What the container writes, in the Engine's frames (log_frames.h), from `since` on (seconds
    /// "S.NNNNNNNNN"); ends when the container does.
    asio::awaitable<Result<void>> follow_logs(std::string id, std::string since, Sink sink,
                                              StopPtr stop);
    /// Events of containers with that label until the Engine goes. `begun`: it listens from now on.
    asio::awaitable<Result<void>> events(std::string label, std::string value,
                                         std::function<void()> begun,
                                         std::function<void(const EngineEvent&)> told,
                                         StopPtr stop);

    /// The command's id.
    asio::awaitable<Result<std::string>> exec_create(std::string id, std::string body,
                                                     StopPtr stop);
    /// Runs until the command closed its output.
    asio::awaitable<Result<void>> exec_start(std::string exec, Duration timeout, StopPtr stop);
    /// Starts the command and gives the stream of its stdio: with a terminal as it is, else what it
    /// writes in frames (FrameCutter without times).
    asio::awaitable<Result<std::shared_ptr<Upgraded>>> exec_attach(std::string exec, bool terminal,
                                                                   StopPtr stop);
    asio::awaitable<Result<void>> exec_resize(std::string exec, std::uint16_t rows,
                                              std::uint16_t columns, StopPtr stop);
    asio::awaitable<Result<ExecInspected>> exec_inspect(std::string exec, StopPtr stop);

private:
    asio::awaitable<Result<Answer>> send(std::string method, std::string path, std::string body,
                                         StopPtr stop);
    asio::awaitable<Result<Answer>> send(Request request, Patience patience, Sink sink,
                                         StopPtr stop);
    asio::awaitable<Result<void>> agree(StopPtr stop);

    Transport transport_;
    const Duration call_timeout_;
    std::string version_;  // "/v1.41"; empty: not agreed on.
};

/// The greatest version that both know, as a path prefix. Fails with unsupported on an Engine that
/// is too old.
Result<std::string> agree_on_version(std::string_view theirs);

}  // namespace tepui::containerizer::docker
