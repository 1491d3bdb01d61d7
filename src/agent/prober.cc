#include "agent/prober.h"

#include <sys/wait.h>

#include <boost/asio/co_spawn.hpp>
#include <boost/asio/detached.hpp>
#include <boost/asio/post.hpp>

#include "base/overloaded.h"

namespace tepui::agent {
namespace {

constexpr std::int32_t signal_base = 128;

}  // namespace

Prober::Prober(Commands commands, std::size_t running_max)
    : commands_(std::move(commands)), running_max_(running_max), thread_([this] { io_.run(); }) {}

Prober::~Prober() { stop(); }

void Prober::stop() {
    work_.reset();
    io_.stop();
    if (thread_.joinable()) thread_.join();
}

void Prober::start(StartProbe probe, Done done) {
    asio::post(io_, [this, probe = std::move(probe), done = std::move(done)]() mutable {
        of_container_[probe.container].insert(probe.probe);
        const ProbeId id = probe.probe;
        waiting_.emplace(id, Item{std::move(probe), std::move(done), nullptr});
        begin_waiting();
    });
}

void Prober::cancel(const ContainerId& container) {
    asio::post(io_, [this, container] { cancel_here(container); });
}

void Prober::begin_waiting() {
    while (!waiting_.empty() && running_.size() < running_max_) {
        auto node = waiting_.extract(waiting_.begin());
        begin(running_.insert(std::move(node)).position->second);
    }
}

void Prober::begin(Item& item) {
    const ProbeId id = item.probe.probe;
    const Duration timeout = item.probe.timeout;
    const ProbePlace place{io_.get_executor(), item.probe.network_of};
    std::visit(Overloaded{
                   [&](const CommandProbe&) {
                       commands_.run(item.probe, [this, id](ProbeResult result) {
                           asio::post(
                               io_, [this, id, result = std::move(result)] { finish(id, result); });
                       });
                   },
                   [&](const HttpProbe& target) {
                       if (!tls_) tls_ = make_probe_tls();
                       item.network = make_network_probe(place, tls_, target, timeout);
                   },
                   [&](const TcpProbe& target) {
                       item.network = make_network_probe(place, target, timeout);
                   },
               },
               item.probe.target);
    if (item.network) run_network(id, item.network);
}

void Prober::run_network(ProbeId id, std::shared_ptr<NetworkProbe> network) {
    asio::co_spawn(io_, network->run(),
                   [this, id, network](const std::exception_ptr& error, ProbeResult result) {
                       if (error)
                           result = {ProbeResult::Outcome::failed, 0, "an exception of a library"};
                       finish(id, result);
                   });
}

void Prober::finish(ProbeId id, const ProbeResult& result) {
    const auto node = running_.extract(id);
    if (node.empty()) return;  // Cancelled.
    const auto of = of_container_.find(node.mapped().probe.container);
    of->second.erase(id);
    if (of->second.empty()) of_container_.erase(of);
    ended_.emplace_back(std::move(node.mapped().done), result);
    // After those that are on their way: who hears of the ends is woken once for all of them.
    if (ended_.size() == 1) asio::post(io_, [this] { tell_ended(); });
    begin_waiting();
}

void Prober::tell_ended() {
    for (auto& [done, result] : std::exchange(ended_, {})) done(std::move(result));
}

void Prober::cancel_here(const ContainerId& container) {
    const auto node = of_container_.extract(container);
    if (node.empty()) return;
    bool commands = false;
    for (const ProbeId id : node.mapped()) {
        waiting_.erase(id);
        const auto running = running_.extract(id);
        if (running.empty()) continue;
        if (running.mapped().network) {
            running.mapped().network->cancel();
        } else {
            commands = true;
        }
    }
    if (commands) commands_.cancel(container);
    begin_waiting();
}

ProbeResult result_of_status(std::int32_t wait_status) {
    ProbeResult result{ProbeResult::Outcome::answered, 0, {}};
    if (WIFEXITED(wait_status)) {
        result.value = WEXITSTATUS(wait_status);
        result.why = fmt::format("the command exited with status {}", result.value);
    } else {
        result.value = signal_base + WTERMSIG(wait_status);
        result.why = fmt::format("the command was ended by signal {}", WTERMSIG(wait_status));
    }
    return result;
}

}  // namespace tepui::agent
