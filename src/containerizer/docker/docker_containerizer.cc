#include "containerizer/docker/docker_containerizer.h"

#include <signal.h>
#include <sys/un.h>
#include <sys/wait.h>

#include <filesystem>
#include <utility>

#include <boost/asio/co_spawn.hpp>
#include <boost/asio/post.hpp>

#include "containerizer/docker/registry_auth.h"
#include "containerizer/docker/usage.h"
#include "containerizer/names.h"

namespace tepui::containerizer::docker {
mesos::v1::ContainerStatus status_of(const Inspected& inspected) {
    mesos::v1::ContainerStatus status;
    std::map<std::string, mesos::v1::NetworkInfo*> networks;
    for (const Address& address : inspected.addresses) {
        mesos::v1::NetworkInfo*& network = networks[address.network];
        if (network == nullptr) {
            network = status.add_network_infos();
            network->set_name(address.network);
        }
        mesos::v1::NetworkInfo::IPAddress* ip = network->add_ip_addresses();
        ip->set_protocol(address.ipv6 ? mesos::v1::NetworkInfo::IPv6
                                      : mesos::v1::NetworkInfo::IPv4);
        ip->set_ip_address(address.ip);
    }
    return status;
}

std::string data_of(const Inspected& inspected) {
    constexpr std::size_t bytes_max = std::size_t{256} << 10;
    if (inspected.json.empty() || inspected.json.size() > bytes_max) return {};
    return "[" + inspected.json + "]";
}

Exited exit_of(const Inspected& inspected, std::optional<double> mem_mb) {
    Exited exited;
    exited.status = W_EXITCODE(inspected.exit_code & 0xff, 0);
    // A program may live on when the kernel killed one of its processes.
    if (!inspected.out_of_memory || inspected.exit_code == 0) return exited;
    LimitHit hit;
    hit.reason = mesos::v1::TaskStatus::REASON_CONTAINER_LIMITATION_MEMORY;
    hit.message =
        "Memory limit exceeded: the Docker Engine reports that the container ran out of "
        "memory";
    if (mem_mb) {
        hit.message += fmt::format("; its limit is {} MB", *mem_mb);
        mesos::v1::Resource* mem = hit.resources.add_resources();
        mem->set_name("mem");
        mem->set_type(mesos::v1::Value::SCALAR);
        mem->mutable_scalar()->set_value(*mem_mb);
    }
    exited.limit = std::move(hit);
    return exited;
}

Result<std::unique_ptr<DockerContainerizer>> DockerContainerizer::make(Options options) {
    if (options.docker.socket.empty() ||
        options.docker.socket.size() >= sizeof(sockaddr_un::sun_path))
        return fail(Errc::invalid_argument,
                    "--docker_socket: '{}' is no path of a socket (at most {} bytes)",
                    options.docker.socket, sizeof(sockaddr_un::sun_path) - 1);
    if (const Result<std::string> read = registry_auth(options.images.docker_config, "x"); !read)
        return std::unexpected(read.error());
    options.runtime_dir += "/d";
    std::error_code error;
    std::filesystem::create_directories(options.runtime_dir, error);
    if (error) return fail(Errc::io, "cannot make '{}': {}", options.runtime_dir, error.message());
    return std::unique_ptr<DockerContainerizer>(new DockerContainerizer(std::move(options)));
}

DockerContainerizer::DockerContainerizer(Options options)
    : options_(std::move(options)),
      engine_(io_, options_.docker.socket, options_.docker.call_timeout),
      thread_([this] { io_.run(); }) {
    post([this] { spawn(watch()); });
}

DockerContainerizer::~DockerContainerizer() {
    work_.reset();
    io_.stop();
    thread_.join();
    end_sessions();
    for (const auto& [id, container] : containers_) container->cancelled = true;
    blocking_.stop();
    blocking_.join();
}

template <typename Function>
void DockerContainerizer::post(Function function) {
    asio::post(io_, std::move(function));
}

void DockerContainerizer::spawn(asio::awaitable<void> work) {
    asio::co_spawn(io_, std::move(work), [this](const std::exception_ptr& error) {
        if (error) warn("an exception of a library in the Docker containerizer");
    });
}

void DockerContainerizer::log_to(std::function<void(const std::string&)> log) {
    const std::lock_guard lock(mutex_);
    log_ = std::move(log);
}

void DockerContainerizer::log(const std::string& text) const {
    std::function<void(const std::string&)> log;
    {
        const std::lock_guard lock(mutex_);
        log = log_;
    }
    if (log) log(text);
}

void DockerContainerizer::warn(std::string text) {
    log(text);
    const std::lock_guard lock(mutex_);
    warnings_.push_back(std::move(text));
}

std::vector<std::string> DockerContainerizer::warnings() const {
    const std::lock_guard lock(mutex_);
    return warnings_;
}

Stats DockerContainerizer::stats() const {
    Stats stats;
    stats.fetches_succeeded = fetches_succeeded_;
    stats.fetches_failed = fetches_failed_;
    stats.destroy_errors = destroy_errors_;
    return stats;
}

std::vector<double> DockerContainerizer::docker_pulls_ms() const {
    const std::lock_guard lock(mutex_);
    return {pulls_ms_.begin(), pulls_ms_.end()};
}

std::string DockerContainerizer::record_path(const ContainerId& container) const {
    return options_.runtime_dir + "/" + short_name(container);
}

bool DockerContainerizer::knows(const ContainerId& container) const {
    std::error_code ignored;
    return std::filesystem::exists(record_path(container), ignored);
}

CreateContext DockerContainerizer::context(const LaunchSpec& spec) const {
    CreateContext context;
    context.work_dir = options_.work_dir;
    if (const auto agent = spec.environment.find("MESOS_SLAVE_ID"); agent != spec.environment.end())
        context.agent = agent->second;
    context.sandbox_directory = options_.oci.sandbox_directory;
    context.enable_cfs = options_.cgroups_enable_cfs;
    context.limit_swap = options_.cgroup.limit_swap;
    context.dns = &options_.networks.dns;
    return context;
}

DockerContainerizer::Shared DockerContainerizer::find(const ContainerId& id) const {
    const auto found = containers_.find(id);
    return found == containers_.end() ? nullptr : found->second;
}

void DockerContainerizer::launch(LaunchSpec spec, OnStarted started, OnExited exited) {
    auto container = std::make_shared<Container>();
    container->id = spec.container;
    container->name = engine_name(spec.container);
    container->record = record_path(spec.container);
    container->sandbox = spec.sandbox;
    container->mem_mb = spec.mem_mb;
    container->started = std::move(started);
    container->exited = std::move(exited);
    post([this, container, spec = std::move(spec)]() mutable {
        if (!containers_.emplace(container->id, container).second) {
            Error error{Errc::conflict,
                        fmt::format("container '{}' exists already", container->id)};
            return container->started(std::unexpected(LaunchError{std::move(error), false}));
        }
        spawn(run_launch(container, std::move(spec)));
    });
}

void DockerContainerizer::signal(const ContainerId& container, int signal) {
    post([this, container, signal] { signal_here(container, signal); });
}

void DockerContainerizer::destroy(const ContainerId& id) {
    post([this, id] {
        if (signal_session_here(id, SIGKILL)) return;
        const Shared container = find(id);
        if (!container) return;
        if (options_.docker.stop_timeout > 0s && container->phase == Phase::running)
            spawn(stop_gently(container));
        else
            signal_here(id, SIGKILL);
    });
}

void DockerContainerizer::forget(const ContainerId& container) {
    if (!knows(container)) return;
    post([this, container] {
        if (kept_.erase(container) == 0) return;
        std::error_code ignored;
        std::filesystem::remove_all(record_path(container), ignored);
    });
}

void DockerContainerizer::set_pid(const Shared& container, std::int64_t pid) {
    container->pid = pid;
    const std::lock_guard lock(mutex_);
    if (pid > 0)
        pids_.insert_or_assign(container->id, pid);
    else
        pids_.erase(container->id);
}

Result<mesos::v1::ResourceStatistics> DockerContainerizer::usage(const ContainerId& container) {
    std::int64_t pid = 0;
    {
        const std::lock_guard lock(mutex_);
        const auto found = pids_.find(container);
        if (found == pids_.end())
            return fail(Errc::not_found, "container '{}' does not run", container);
        pid = found->second;
    }
    return usage_of_process(pid);
}

}  // namespace tepui::containerizer::docker
