// Commands of checks, by the Engine's exec; and other limits for what runs.

#include <sys/wait.h>

#include <chrono>
#include <future>
#include <utility>

#include <boost/asio/co_spawn.hpp>
#include <boost/asio/post.hpp>

#include "containerizer/docker/docker_containerizer.h"
#include "containerizer/docker/exec.h"

namespace tepui::containerizer::docker {
namespace {

constexpr Duration k_poll = 20ms;
constexpr Duration k_update_timeout = 10s;

}  // namespace

void DockerContainerizer::probe(const ContainerId& id, ProbeSpec spec, OnProbed done) {
    asio::post(io_, [this, id, spec = std::move(spec), done = std::move(done)]() mutable {
        const Shared container = find(id);
        if (!container || container->phase != Phase::running)
            return done(fail(Errc::not_found, "container '{}' does not run", id));
        const StopPtr stop = std::make_shared<Stop>();
        container->probes.insert(stop);
        spawn(run_probe(container, std::move(spec), std::move(done), stop));
    });
}

void DockerContainerizer::cancel_probes(const ContainerId& id) {
    asio::post(io_, [this, id] {
        const Shared container = find(id);
        if (!container) return;
        for (const StopPtr& stop : std::exchange(container->probes, {})) stop->request();
    });
}

asio::awaitable<void> DockerContainerizer::run_probe(Shared container, ProbeSpec spec,
                                                     OnProbed done, StopPtr stop) {
    Result<std::int32_t> result = co_await try_probe(container, spec, stop);
    container->probes.erase(stop);
    // Cancelled ones call nothing; those that the container's end cancelled do.
    if (!stop->requested() || container->end_seen) done(std::move(result));
}

asio::awaitable<Result<std::int32_t>> DockerContainerizer::try_probe(Shared container,
                                                                     const ProbeSpec& spec,
                                                                     StopPtr stop) {
    using Clock = std::chrono::steady_clock;
    const auto until = Clock::now() + spec.timeout;
    // A hanging Engine is a check that timed out.
    const StopPtr hurry = std::make_shared<Stop>();
    const std::shared_ptr<void> alive = std::make_shared<int>();
    stop->on_request(alive, [hurry] { hurry->request(); });
    const auto timer = std::make_shared<asio::steady_timer>(io_);
    timer->expires_at(until);
    timer->async_wait([hurry](const boost::system::error_code& error) {
        if (!error) hurry->request();
    });
    const Result<std::string> exec =
        co_await engine_.exec_create(container->engine_id, exec_body(spec.command, {}), hurry);
    Result<void> ran;
    Result<ExecInspected> now = ExecInspected{};
    if (exec) ran = co_await engine_.exec_start(*exec, spec.timeout, hurry);
    while (exec && ran) {
        now = co_await engine_.exec_inspect(*exec, hurry);
        if (!now || !now->running) break;
        co_await pause(io_, k_poll, hurry);
    }
    const bool late = Clock::now() >= until || hurry->requested();
    if (exec && (late || !ran)) {
        // Nothing of it is to go on: its pid is asked for once more, and not for long.
        const StopPtr last = std::make_shared<Stop>();
        timer->expires_after(1s);
        timer->async_wait([last](const boost::system::error_code& error) {
            if (!error) last->request();
        });
        const Result<ExecInspected> left = co_await engine_.exec_inspect(*exec, last);
        if (left && left->running) kill_tree(left->pid, container->engine_id);
    }
    timer->cancel();
    if (late)
        co_return fail(Errc::timeout, "the command did not end within {}",
                       format_duration(spec.timeout));
    if (!exec) co_return std::unexpected(exec.error());
    if (!ran) co_return std::unexpected(ran.error());
    if (!now) co_return std::unexpected(now.error());
    co_return W_EXITCODE(now->exit_code & 0xff, 0);
}

Result<void> DockerContainerizer::update(const ContainerId& container,
                                         const ContainerResources& resources,
                                         std::uint64_t sequence) {
    const auto answer = std::make_shared<std::promise<Result<void>>>();
    std::future<Result<void>> future = answer->get_future();
    asio::post(io_, [this, container, resources, sequence, answer] {
        asio::co_spawn(io_, update_here(container, resources, sequence),
                       [answer](const std::exception_ptr& error, Result<void> result) {
                           if (error) result = fail(Errc::internal, "an exception of a library");
                           answer->set_value(std::move(result));
                       });
    });
    if (future.wait_for(k_update_timeout) != std::future_status::ready)
        return fail(Errc::timeout, "the Docker Engine did not change the limits of '{}' in time",
                    container);
    return future.get();
}

asio::awaitable<Result<void>> DockerContainerizer::update_here(ContainerId id,
                                                               ContainerResources resources,
                                                               std::uint64_t sequence) {
    const Shared container = find(id);
    if (!container || container->phase != Phase::running)
        co_return fail(Errc::not_found, "container '{}' does not run", id);
    if (sequence <= container->update_sequence) co_return Result<void>{};
    container->update_sequence = sequence;
    // Memory that it was given is not taken back.
    if (resources.mem_mb && container->mem_mb && *resources.mem_mb <= *container->mem_mb)
        resources.mem_mb.reset();
    CreateContext context;
    context.enable_cfs = options_.cgroups_enable_cfs;
    context.limit_swap = options_.cgroup.limit_swap;
    const Result<void> done = co_await engine_.update(
        container->engine_id, encode_update(resources, context), container->gone);
    if (done && resources.mem_mb) container->mem_mb = resources.mem_mb;
    co_return done;
}

}  // namespace tepui::containerizer::docker
