#pragma once

#include <condition_variable>
#include <functional>
#include <map>
#include <memory>
#include <mutex>
#include <optional>
#include <string>
#include <vector>

#include "base/temporary_directory_testing.h"
#include "containerizer/containerizer.h"
#include "http/client.h"
#include "http/server.h"
#include "tepui/link.pb.h"

namespace tepui::agent::testing {

namespace asio = boost::asio;

/// Longer than anything takes on a loaded machine; only a failure waits for it.
inline constexpr std::chrono::seconds wait_max{30};

/// Containers that a test ends by hand. They outlive the agent when this does.
class FakeMachine {
public:
    struct Container {
        containerizer::LaunchSpec spec;
        std::int64_t pid = 0;
        bool running = true;
        std::optional<std::int32_t> status;
        std::function<void(containerizer::Exited)> on_exited;
        std::vector<int> signals;
        std::vector<containerizer::ContainerResources> updates;
        std::vector<containerizer::ProbeSpec> probes;
        int probes_cancelled = 0;
    };

    /// A containerizer of this machine; one at a time, as there is one agent at a time.
    std::unique_ptr<containerizer::Containerizer> containerizer();

    /// Waits for a launch of the task, or of the custom executor of that name; its container's id.
    ContainerId wait_for_launch(const std::string& task);
    void exit(const ContainerId& container, std::int32_t status);
    Container get(const ContainerId& container);
    int launches();
    /// Every launch fails with this.
    std::optional<containerizer::LaunchError> launch_error;
    /// How every probe's command ends, at once; nothing: none ever does.
    std::optional<std::int32_t> probe_status = 0;

private:
    friend class FakeContainerizer;
    std::mutex mutex_;
    std::condition_variable changed_;
    std::map<ContainerId, Container> containers_;
    int launches_ = 0;
};

/// A master that answers registrations and keeps what agents say: a real HTTP server.
class FakeMaster {
public:
    FakeMaster();
    ~FakeMaster();

    std::string address() const;
    /// Answers every upgrade with 307 to this master from now on.
    void redirect_to(const std::string& address);
    void send(link::ToAgent frame);
    void run_task(const mesos::v1::TaskInfo& task, bool checkpoint = true);
    /// Closes the agent's connection.
    void cut();
    /// Waits for a frame that fits, among those that came and those to come.
    std::optional<link::ToMaster> wait_for(const std::function<bool(const link::ToMaster&)>& fits);
    std::optional<mesos::v1::TaskStatus> wait_for_state(const std::string& task,
                                                        mesos::v1::TaskState state);
    int count(const std::function<bool(const link::ToMaster&)>& fits);
    void forget();

private:
    asio::awaitable<http::Response> serve(http::Request request);
    asio::awaitable<void> read(std::shared_ptr<http::Duplex> duplex);
    void on_frame(link::ToMaster frame);

    std::mutex mutex_;
    std::condition_variable changed_;
    std::vector<link::ToMaster> frames_;
    std::shared_ptr<http::Duplex> duplex_;
    std::optional<std::string> redirect_;
    std::unique_ptr<http::Server> server_;
};

/// An HTTP exchange with the agent at `port`, done by a thread of its own.
http::Response fetch(std::uint16_t port, const std::string& target,
                     const std::string& method = "GET", const std::string& body = "",
                     http::Headers headers = {});

}  // namespace tepui::agent::testing
