#pragma once

#include <functional>
#include <memory>
#include <optional>
#include <string>
#include <string_view>
#include <vector>

#include "base/result.h"
#include "cli/client/upload.h"
#include "http/client.h"
#include "mesos/v1/agent/agent.pb.h"
#include "mesos/v1/master/master.pb.h"

namespace tepui::cli {

/// One call of an agent's operator API; fails as status_error does.
asio::awaitable<Result<mesos::v1::agent::Response>> call_agent(http::Client& client,
                                                               std::string agent,
                                                               mesos::v1::agent::Call call);

/// The container that a task runs in, as its newest status tells it; nothing before it runs.
std::optional<mesos::v1::ContainerID> container_of(const mesos::v1::Task& task);

/// Gives the next bytes of an input, nothing at its end, and an empty string when there may be a
/// window of another size.
using InputSource = std::function<asio::awaitable<std::optional<std::string>>()>;

/// What a session is, and where its bytes go.
struct SessionOptions {
    mesos::v1::ContainerID parent;
    std::vector<std::string> command;
    std::string user;       // Empty: the task's.
    bool terminal = false;  // Of the size of ours.
    InputSource input;      // Null: it has no input.
    std::function<void(std::string_view)> out;
    std::function<void(std::string_view)> err;
    bool passes_signals = false;  // Those to this process go to the command.
};

/// Runs a command in a task's container to its end. Gives the wait(2) status; io when the
/// connection broke, and with it the command.
asio::awaitable<Result<std::int32_t>> run_session(http::Client& client, std::string agent,
                                                  SessionOptions options);

/// Passes RecordIO of ProcessIO on, to its end.
asio::awaitable<Result<void>> pass_output(http::ClientStream& stream,
                                          std::function<void(std::string_view)> out,
                                          std::function<void(std::string_view)> err);

/// Asks for a stream of records about a container.
asio::awaitable<Result<std::unique_ptr<http::ClientStream>>> open_output(
    http::Client& client, std::string agent, mesos::v1::agent::Call call);

/// The writing half: the container's name first, its terminal's size where there is one and
/// whenever it changes, and what `input` gives.
class InputPass : public std::enable_shared_from_this<InputPass> {
public:
    InputPass(std::string agent, mesos::v1::ContainerID container, bool terminal, InputSource input)
        : agent_(std::move(agent)),
          container_(std::move(container)),
          terminal_(terminal),
          input_(std::move(input)) {}

    /// To the end of the input, or of the container. An input that ends is told.
    asio::awaitable<Result<void>> run();
    void close();

private:
    asio::awaitable<Result<void>> send(mesos::v1::agent::ProcessIO io);
    asio::awaitable<Result<void>> send_size();

    const std::string agent_;
    const mesos::v1::ContainerID container_;
    const bool terminal_;
    const InputSource input_;
    bool closed_ = false;
    std::unique_ptr<Upload> upload_;
};

/// Reads this process' standard input without blocking the loop, whatever it is, and hears of
/// windows that change their size.
class StandardInput {
public:
    explicit StandardInput(asio::any_io_executor executor);
    ~StandardInput();
    /// As InputSource says.
    asio::awaitable<std::optional<std::string>> read();
    /// Makes read() return nothing from now on.
    void stop();

    struct Impl;

private:
    std::shared_ptr<Impl> impl_;
};

}  // namespace tepui::cli
