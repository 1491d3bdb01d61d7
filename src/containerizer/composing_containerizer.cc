#include "containerizer/composing_containerizer.h"

#include <signal.h>

#include <utility>

#include "containerizer/linux_containerizer.h"

namespace tepui::containerizer {
namespace {

bool is_docker(const LaunchSpec& spec) {
    return spec.info && spec.info->type() == mesos::v1::ContainerInfo::DOCKER;
}

/// Adds what another counted.
void add(Stats& sum, const Stats& other) {
    sum.fetches_succeeded += other.fetches_succeeded;
    sum.fetches_failed += other.fetches_failed;
    sum.destroy_errors += other.destroy_errors;
}

}  // namespace

ComposingContainerizer::ComposingContainerizer(std::unique_ptr<Containerizer> own,
                                               std::unique_ptr<docker::DockerContainerizer> docker)
    : own_(std::move(own)), docker_(std::move(docker)) {}

Containerizer& ComposingContainerizer::of(const ContainerId& container) const {
    if (!own_) return *docker_;
    if (!docker_) return *own_;
    const std::lock_guard lock(mutex_);
    return in_docker_.contains(container) ? *docker_ : *own_;
}

void ComposingContainerizer::remember(const ContainerId& container) {
    const std::lock_guard lock(mutex_);
    in_docker_.insert(container);
}

void ComposingContainerizer::drop(const ContainerId& container) {
    const std::lock_guard lock(mutex_);
    in_docker_.erase(container);
}

void ComposingContainerizer::launch(LaunchSpec spec, OnStarted started, OnExited exited) {
    const bool docker = is_docker(spec);
    if (docker ? !docker_ : !own_) {
        const std::string_view missing = docker ? "docker" : "mesos";
        Error error{Errc::unsupported,
                    fmt::format("Containers of type {} need '{}' in --containerizers of the agent",
                                docker ? "DOCKER" : "MESOS", missing)};
        return started(std::unexpected(LaunchError{std::move(error), false}));
    }
    if (!docker && spec.parent && docker_ && &of(*spec.parent) == docker_.get()) {
        Error error{Errc::unsupported,
                    fmt::format("container '{}' is the Docker Engine's: only commands of a session "
                                "can be launched in it",
                                *spec.parent)};
        return started(std::unexpected(LaunchError{std::move(error), false}));
    }
    if (!docker) return own_->launch(std::move(spec), std::move(started), std::move(exited));
    const ContainerId id = spec.container;
    remember(id);
    docker_->launch(
        std::move(spec),
        [this, id, started = std::move(started)](std::expected<Started, LaunchError> result) {
            if (!result) drop(id);
            started(std::move(result));
        },
        std::move(exited));
}

void ComposingContainerizer::signal(const ContainerId& container, int signal) {
    of(container).signal(container, signal);
}

Result<void> ComposingContainerizer::update(const ContainerId& container,
                                            const ContainerResources& resources,
                                            std::uint64_t sequence) {
    return of(container).update(container, resources, sequence);
}

void ComposingContainerizer::destroy(const ContainerId& container) {
    of(container).destroy(container);
}

Result<std::vector<Found>> ComposingContainerizer::recover(
    const std::vector<ContainerId>& expected,
    std::function<void(const ContainerId&, Exited)> exited) {
    std::vector<ContainerId> own;
    std::vector<ContainerId> docker;
    for (const ContainerId& id : expected) {
        const bool in_docker = docker_ && docker_->knows(id);
        (in_docker ? docker : own).push_back(id);
        if (in_docker) remember(id);
    }
    std::vector<Found> found;
    if (own_) {
        found = TEPUI_TRY(own_->recover(own, exited));
    } else {
        for (const ContainerId& id : own) found.push_back({id, 0, false, Exited{}, {}});
    }
    if (!docker_) return found;
    std::vector<Found> in_docker = TEPUI_TRY(docker_->recover(docker, std::move(exited)));
    found.insert(found.end(), std::make_move_iterator(in_docker.begin()),
                 std::make_move_iterator(in_docker.end()));
    return found;
}

void ComposingContainerizer::forget(const ContainerId& container) {
    of(container).forget(container);
    drop(container);
}

void ComposingContainerizer::probe(const ContainerId& container, ProbeSpec spec, OnProbed done) {
    of(container).probe(container, std::move(spec), std::move(done));
}

void ComposingContainerizer::cancel_probes(const ContainerId& container) {
    of(container).cancel_probes(container);
}

Result<mesos::v1::ResourceStatistics> ComposingContainerizer::usage(const ContainerId& container) {
    return of(container).usage(container);
}

std::vector<std::string> ComposingContainerizer::warnings() const {
    std::vector<std::string> texts;
    if (own_) texts = own_->warnings();
    if (docker_)
        for (std::string& text : docker_->warnings()) texts.push_back(std::move(text));
    return texts;
}

Stats ComposingContainerizer::stats() const {
    Stats sum = own_ ? own_->stats() : Stats{};
    if (docker_) add(sum, docker_->stats());
    return sum;
}

std::vector<double> ComposingContainerizer::docker_pulls_ms() const {
    return docker_ ? docker_->docker_pulls_ms() : std::vector<double>();
}

void ComposingContainerizer::open_session(SessionSpec spec, OnSession opened, OnExited exited) {
    Containerizer& whose = of(spec.parent);
    if (&whose != docker_.get())
        return whose.open_session(std::move(spec), std::move(opened), std::move(exited));
    const ContainerId id = spec.session;
    remember(id);
    docker_->open_session(
        std::move(spec),
        [this, id, opened = std::move(opened)](Result<SessionPipes> pipes) {
            if (!pipes && pipes.error().code != Errc::conflict) drop(id);
            opened(std::move(pipes));
        },
        [this, id, exited = std::move(exited)](Exited end) {
            drop(id);
            exited(std::move(end));
        });
}

Result<Descriptor> ComposingContainerizer::attach(const ContainerId& container) {
    return of(container).attach(container);
}

Result<void> ComposingContainerizer::prune_images(const std::vector<std::string>& excluded) {
    return own_ ? own_->prune_images(excluded) : Containerizer::prune_images(excluded);
}

Result<std::string> ComposingContainerizer::pull_image(const std::string& name) {
    return own_ ? own_->pull_image(name) : Containerizer::pull_image(name);
}

ImageReport ComposingContainerizer::images() const { return own_ ? own_->images() : ImageReport{}; }

ImageStats ComposingContainerizer::image_stats() const {
    return own_ ? own_->image_stats() : ImageStats{};
}

void ComposingContainerizer::log_to(std::function<void(const std::string&)> log) {
    if (docker_) docker_->log_to(log);
    if (own_) own_->log_to(std::move(log));
}

Result<std::unique_ptr<Containerizer>> make_composing(Options options) {
    bool own = false;
    bool docker = false;
    for (const std::string& name : options.containerizers) {
        if (name != "mesos" && name != "docker")
            return fail(Errc::invalid_argument,
                        "--containerizers: unknown '{}'; known are: docker, mesos", name);
        (name == "docker" ? docker : own) = true;
    }
    if (!own && !docker)
        return fail(Errc::invalid_argument,
                    "--containerizers names none; known are: docker, mesos");
    std::unique_ptr<docker::DockerContainerizer> in_docker;
    if (docker) in_docker = TEPUI_TRY(docker::DockerContainerizer::make(options));
    std::unique_ptr<Containerizer> ours;
    if (own) ours = TEPUI_TRY(LinuxContainerizer::make(std::move(options)));
    return std::make_unique<ComposingContainerizer>(std::move(ours), std::move(in_docker));
}

}  // namespace tepui::containerizer
