// How containers end, and what is told to them while they run. The Engine's events say that
// something ended; what happened is always read from the container itself, so that an event lost or
// told twice makes no difference.

#include <signal.h>

#include <filesystem>
#include <utility>

#include "containerizer/docker/docker_containerizer.h"

namespace tepui::containerizer::docker {
namespace {

constexpr Duration k_pause = 200ms;
constexpr Duration k_pause_max = 5s;
constexpr Duration k_logs_patience = 5s;
constexpr Duration k_oom_patience = 1s;
constexpr int k_killed_exit_code = 128 + SIGKILL;
constexpr std::size_t k_ends_kept_max = 1'024;

std::string signal_name(int signal) {
    switch (signal) {
        case SIGTERM: return "SIGTERM";
        case SIGKILL: return "SIGKILL";
        default: return std::to_string(signal);
    }
}

}  // namespace

asio::awaitable<void> DockerContainerizer::watch() {
    Duration between = k_pause;
    while (!stop_->requested()) {
        const auto begun = [this, &between] {
            between = k_pause;
            spawn(look_at_all());
        };
        const auto told = [this](const EngineEvent& event) { on_event(event); };
        co_await engine_.events(k_label_work_dir, options_.work_dir, begun, told, stop_);
        // Somebody waits for an end: look again soon.
        if (!containers_.empty()) between = std::min(between, Duration(1s));
        co_await pause(io_, between, stop_);
        between = std::min(2 * between, k_pause_max);
    }
}

void DockerContainerizer::on_event(const EngineEvent& event) {
    if (event.action == "oom") {
        for (const auto& [id, container] : containers_)
            if (container->engine_id == event.container) container->oom->request();
        return;
    }
    if (event.action != "die" && event.action != "destroy") return;
    std::vector<Shared> ended;
    for (const auto& [id, container] : containers_)
        if (container->engine_id == event.container && container->phase == Phase::running)
            ended.push_back(container);
    for (const Shared& container : ended) spawn(finish(container));
}

/// After every beginning of the events: what happened in between.
asio::awaitable<void> DockerContainerizer::look_at_all() {
    Result<std::vector<Listed>> listed =
        co_await engine_.list(k_label_work_dir, options_.work_dir, stop_);
    if (!listed) co_return;
    std::map<std::string, std::string> status;
    for (const Listed& each : *listed) {
        const auto label = each.labels.find(k_label_container);
        if (label != each.labels.end()) status[label->second] = each.status;
    }
    const std::map<ContainerId, Shared> containers = containers_;
    for (const auto& [id, container] : containers) {
        if (container->phase != Phase::running) continue;
        const auto found = status.find(id.value);
        spawn(follow(container));
        const bool runs = found != status.end() && found->second == "running";
        // One without a pid was adopted unseen.
        if (!runs || container->pid == 0) spawn(finish(container));
    }
    if (recovered_) co_await sweep(std::move(*listed));
}

asio::awaitable<void> DockerContainerizer::finish(Shared container) {
    if (std::exchange(container->finishing, true)) co_return;
    const std::string id = container->engine_id.empty() ? container->name : container->engine_id;
    std::optional<Inspected> last;
    for (;;) {
        Result<Inspected> now = co_await engine_.inspect(id, stop_);
        if (now) {
            last = std::move(*now);
            break;
        }
        if (now.error().code == Errc::not_found) break;
        if (now.error().code == Errc::cancelled) co_return;
        co_await pause(io_, k_pause, stop_);
    }
    if (last && !last->ended() && last->status != "created" && last->status != "removing") {
        // It lives. An adopted one is only now known for what it is.
        container->finishing = false;
        container->engine_id = last->id;
        container->stop_signal = last->stop_signal;
        if (last->pid > 0) set_pid(container, last->pid);
        co_return;
    }
    container->end_seen = true;
    container->gone->request();
    // The Engine may hear of the end before it hears what the kernel did it for.
    if (last && last->exit_code == k_killed_exit_code && !last->out_of_memory &&
        container->mem_mb && !container->killed)
        co_await pause(io_, k_oom_patience, container->oom);
    if (last && container->oom->requested()) last->out_of_memory = true;
    if (last && container->logs && container->follows)
        co_await pause(io_, k_logs_patience, container->logs_end);
    tell_end(container, last);
}

void DockerContainerizer::tell_end(const Shared& container, const std::optional<Inspected>& last) {
    container->phase = Phase::ended;
    container->launching->request();
    set_pid(container, 0);
    for (const StopPtr& probe : std::exchange(container->probes, {})) probe->request();
    container->logs.reset();
    containers_.erase(container->id);
    keep_end(container->id);
    // Kept in the Engine for so long; an agent that dies before it stored the end reads it there.
    if (last) spawn(remove_surely(last->id, options_.docker.remove_delay));
    const bool ran = last && last->status != "created";
    container->exited(ran ? exit_of(*last, container->mem_mb) : Exited{});
}

/// Records of ended containers stay until forget(), and not more than so many.
void DockerContainerizer::keep_end(const ContainerId& container) {
    kept_.insert(container);
    ended_.push_back(container);
    if (ended_.size() <= k_ends_kept_max) return;
    const ContainerId oldest = ended_.front();
    ended_.pop_front();
    if (kept_.erase(oldest) == 0 || containers_.contains(oldest)) return;
    std::error_code ignored;
    std::filesystem::remove_all(record_path(oldest), ignored);
}

void DockerContainerizer::signal_here(const ContainerId& id, int signal) {
    if (signal_session_here(id, signal)) return;
    const Shared container = find(id);
    if (!container) return;
    if (container->phase == Phase::launching) {
        container->signals_waiting.push_back(signal);
        if (signal != SIGKILL) return;
        container->cancelled = true;
        container->launching->request();
        return;
    }
    container->killed |= signal == SIGKILL;
    const bool polite = signal == SIGTERM && !container->stop_signal.empty();
    spawn(deliver(container, polite ? container->stop_signal : signal_name(signal)));
}

/// Until the Engine took it, or the container is gone.
asio::awaitable<void> DockerContainerizer::deliver(Shared container, std::string signal) {
    const std::string id = container->engine_id.empty() ? container->name : container->engine_id;
    while (container->phase == Phase::running) {
        const Result<void> sent = co_await engine_.kill(id, signal, container->gone);
        if (sent) break;
        if (sent.error().code == Errc::cancelled) break;
        if (sent.error().code != Errc::unavailable && sent.error().code != Errc::timeout)
            ++destroy_errors_;
        co_await pause(io_, k_pause, container->gone);
    }
    // The event says so too, unless the Engine goes away meanwhile.
}

asio::awaitable<void> DockerContainerizer::stop_gently(Shared container) {
    const std::string id = container->engine_id.empty() ? container->name : container->engine_id;
    const Result<void> stopped =
        co_await engine_.stop(id, options_.docker.stop_timeout, container->gone);
    if (!stopped && container->phase == Phase::running) signal_here(container->id, SIGKILL);
}

/// Copies what the container writes into its sandbox. It is whole when the stream, asked for after
/// the container's end, ended too.
asio::awaitable<void> DockerContainerizer::follow(Shared container) {
    if (!container->logs || std::exchange(container->follows, true)) co_return;
    const std::string id = container->engine_id.empty() ? container->name : container->engine_id;
    // Both outlive the stream that uses them: a late part of it finds no files any more.
    const Sink sink = [container](std::string_view bytes) -> Result<void> {
        return container->logs ? container->logs->take(bytes) : Result<void>{};
    };
    bool ended = false;
    while (container->logs) {
        const std::string since = container->logs->begin();
        const Result<void> read = co_await engine_.follow_logs(id, since, sink, stop_);
        if (read && ended) break;
        if (!read) {
            const Errc code = read.error().code;
            // A log driver that can't be read, or no container any more.
            const bool hopeless = code == Errc::not_found || code == Errc::cancelled ||
                                  code == Errc::invalid_argument || code == Errc::unsupported;
            if (hopeless) break;
        }
        const Result<Inspected> now = co_await engine_.inspect(id, stop_);
        if (now) ended = now->ended();
        if (!now && now.error().code == Errc::not_found) break;
        if (!read || !ended) co_await pause(io_, k_pause, ended ? stop_ : container->gone);
    }
    container->follows = false;
    container->logs_end->request();
}

}  // namespace tepui::containerizer::docker
