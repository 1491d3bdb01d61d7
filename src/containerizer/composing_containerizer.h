#pragma once

#include <memory>
#include <mutex>
#include <set>
#include <vector>

#include "containerizer/containerizer.h"
#include "containerizer/docker/docker_containerizer.h"

namespace tepui::containerizer {

/// Several containerizers as one: a container of ContainerInfo.type DOCKER is the Docker
/// containerizer's, every other is the machine's own. What --containerizers leaves out is refused.
class ComposingContainerizer final : public Containerizer {
public:
    /// Either may be absent.
    ComposingContainerizer(std::unique_ptr<Containerizer> own,
                           std::unique_ptr<docker::DockerContainerizer> docker);

    void launch(LaunchSpec spec, OnStarted started, OnExited exited) override;
    void signal(const ContainerId& container, int signal) override;
    Result<void> update(const ContainerId& container, const ContainerResources& resources,
                        std::uint64_t sequence) override;
    void destroy(const ContainerId& container) override;
    Result<std::vector<Found>> recover(
        const std::vector<ContainerId>& expected,
        std::function<void(const ContainerId&, Exited)> exited) override;
    void forget(const ContainerId& container) override;
    void probe(const ContainerId& container, ProbeSpec spec, OnProbed done) override;
    void cancel_probes(const ContainerId& container) override;
    Result<mesos::v1::ResourceStatistics> usage(const ContainerId& container) override;
    std::vector<std::string> warnings() const override;
    Stats stats() const override;
    std::vector<double> docker_pulls_ms() const override;
    void open_session(SessionSpec spec, OnSession opened, OnExited exited) override;
    Result<Descriptor> attach(const ContainerId& container) override;
    Result<void> prune_images(const std::vector<std::string>& excluded) override;
    Result<std::string> pull_image(const std::string& name) override;
    ImageReport images() const override;
    ImageStats image_stats() const override;
    void log_to(std::function<void(const std::string&)> log) override;

private:
    /// Whose a container is; the first there is for one that nobody knows.
    Containerizer& of(const ContainerId& container) const;
    void remember(const ContainerId& container);
    void drop(const ContainerId& container);

    const std::unique_ptr<Containerizer> own_;
    const std::unique_ptr<docker::DockerContainerizer> docker_;
    mutable std::mutex mutex_;
    std::set<ContainerId> in_docker_;
};

/// Those that Options::containerizers names. Fails on an unknown name, and with its reason when one
/// cannot be made.
Result<std::unique_ptr<Containerizer>> make_composing(Options options);

}  // namespace tepui::containerizer
