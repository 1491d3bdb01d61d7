#pragma once

#include <atomic>
#include <functional>
#include <memory>
#include <optional>
#include <string>

#include "agent/askers.h"
#include "agent/container_io.h"
#include "agent/core_loop.h"
#include "agent/executor_streams.h"
#include "agent/launch_spec.h"
#include "agent/master_link.h"
#include "agent/prober.h"
#include "agent/volume_keeper.h"
#include "containerizer/containerizer.h"
#include "daemon/files.h"
#include "daemon/log.h"
#include "env/posix/worker_pool.h"

namespace tepui::agent {

/// Performs the core's effects on the link, the containerizer and the disk.
class AgentOutlets final : public Outlets {
public:
    struct Parts {
        containerizer::Containerizer& containerizer;
        daemon::Files& files;
        env::WorkerPool& pool;
        daemon::Log& text_log;
        std::string work_dir;
        AgentAddress address;
        std::map<std::string, std::string> task_environment;  // Of every task.
        std::function<void(const EndAgent&)> on_end;
        std::shared_ptr<ExecutorStreams> executor_streams;
        Askers& askers;
        ContainerIo& container_io;
    };
    explicit AgentOutlets(Parts parts);

    /// Where events go; before the loop starts.
    void connect(CoreLoop& loop, std::shared_ptr<MasterLink> link);

    void send_to_master(const link::ToMaster& frame) override;
    void reconnect_master() override;
    void launch(const LaunchContainer& launch) override;
    void signal(const ContainerId& container, int signal) override;
    void destroy(const ContainerId& container) override;
    void forget(const ContainerId& container) override;
    void launch_executor(const LaunchExecutor& launch) override;
    void launch_pod(const LaunchPod& launch) override;
    void update(const UpdateContainer& update) override;
    void send_to_executor(const SendToExecutor& send) override;
    void close_executor(std::uint64_t connection) override;
    void remove_sandbox(const std::string& path) override;
    void launch_nested(const LaunchNested& launch) override;
    void answer_asker(AnswerAsker answer) override;
    void remove_nested_sandbox(const std::string& path) override;
    void make_volume(const MakeVolume& order) override;
    void remove_volume(const RemoveVolume& order) override;
    void tidy_volumes(const TidyVolumes& order) override;
    void start_probe(const StartProbe& probe) override;
    void stop_probes(const ContainerId& container) override;
    void log(Severity severity, const std::string& text) override;
    void end(const EndAgent& end) override;

    /// Ends what uses the containerizer, before that goes.
    void stop() {
        prober_.stop();
        volumes_.stop();
    }

    /// Sandboxes that could not be removed; any thread.
    std::uint64_t removals_failed() const { return *removals_failed_; }

    /// A container ended; any thread.
    void on_exited(const ContainerId& container, containerizer::Exited exited);

private:
    void launch_spec(const ContainerId& container, Result<containerizer::LaunchSpec> spec);
    void launch_now(const ContainerId& container, containerizer::LaunchSpec spec);
    void update_now(const UpdateContainer& update);
    void on_started(const ContainerId& container,
                    std::expected<containerizer::Started, containerizer::LaunchError> started);

    Parts parts_;
    /// Of the jobs too, which may outlive this.
    const std::shared_ptr<std::atomic<std::uint64_t>> removals_failed_ =
        std::make_shared<std::atomic<std::uint64_t>>(0);
    CoreLoop* loop_ = nullptr;
    std::shared_ptr<MasterLink> link_;
    Prober prober_;
    VolumeKeeper volumes_;
};

std::optional<Limitation> to_limitation(const std::optional<containerizer::LimitHit>& limit);

/// Shows a sandbox under its own path and under `.../runs/latest`, also below /frameworks.
void attach_sandbox(daemon::Files& files, const std::string& work_dir, const std::string& sandbox);

/// Removes a sandbox, and the directories above it that are empty then, up to work_dir/slaves.
/// Links in it are removed, not followed.
Result<void> remove_sandbox_tree(const std::string& work_dir, const std::string& sandbox);

}  // namespace tepui::agent
