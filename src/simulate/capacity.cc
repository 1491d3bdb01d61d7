#include "simulate/capacity.h"

#include <algorithm>
#include <chrono>
#include <cmath>
#include <deque>
#include <unordered_map>
#include <variant>
#include <vector>

#include "base/overloaded.h"
#include "base/prng.h"
#include "master/core/core.h"
#include "master/core/state.h"
#include "simulate/messages.h"
#include "simulate/timetable.h"

namespace tepui::simulate {

namespace {

using namespace std::chrono_literals;
using mesos::v1::scheduler::Call;
using mesos::v1::scheduler::Event;

// Thousandths of an agent.
constexpr std::int64_t agent_cpus_milli = 64'000;
constexpr std::int64_t agent_mem_milli = 262'144'000;
constexpr Duration registry_write_time = 5ms;
constexpr Duration registration_time = 10s;  // All agents come within it.
constexpr Duration sample_time = 1s;

double seconds_of(Duration duration) { return std::chrono::duration<double>(duration).count(); }

Percentiles percentiles(std::vector<float> values) {
    Percentiles found;
    found.count = values.size();
    if (values.empty()) return found;
    const auto at = [&](double part) {
        const auto place = values.begin() + static_cast<std::ptrdiff_t>(
                                                part * static_cast<double>(values.size() - 1));
        std::nth_element(values.begin(), place, values.end());
        return static_cast<double>(*place);
    };
    found.p50 = at(0.5);
    found.p99 = at(0.99);
    found.max = at(1);
    return found;
}

class Simulation {
public:
    explicit Simulation(const CapacityPlan& plan)
        : plan_(plan),
          prng_(plan.seed),
          cpus_milli_(agent_cpus_milli / plan.tasks_per_agent),
          mem_milli_(agent_mem_milli / plan.tasks_per_agent) {}

    Result<CapacityReport> run(const std::function<bool(double)>& progress) {
        const auto begun = std::chrono::steady_clock::now();
        master::CoreConfig config;
        config.max_completed_tasks_per_framework = 10;
        core_ = TEPUI_TRY(master::Core::create(config, master_info(), {}, prng_.next(), now()));
        perform(core_->start(now()));
        begin();
        const Instant end = Instant{} + plan_.length;
        for (std::uint64_t count = 0;; ++count) {
            if (count % 4096 == 0 && progress &&
                !progress(seconds_of(times_.now().since_start) / seconds_of(plan_.length))) {
                return fail(Errc::cancelled, "the simulation was cancelled");
            }
            if (core_->next_deadline() <= times_.now()) step(master::Tick{});
            const Instant next = std::min(times_.next(), core_->next_deadline());
            if (next > end) break;
            times_.advance_to(next);
            times_.run_one();
        }
        if (progress) progress(1);
        return report(std::chrono::duration<double>(std::chrono::steady_clock::now() - begun));
    }

private:
    struct Framework {
        FrameworkId id;
        std::string role;
        StreamId stream;
        std::deque<Instant> wanted;  // Since when, of tasks that are not launched yet.
        std::uint64_t next_task = 0;
    };
    struct Task {
        Instant wanted;
    };

    Now now() const { return {times_.now(), WallTime{times_.now().since_start + 24h * 365 * 56}}; }

    void after(Duration delay, std::function<void()> action) {
        times_.after(delay, std::move(action));
    }

    /// One way through a network.
    Duration hop() {
        return std::chrono::duration_cast<Duration>(
            std::chrono::duration<double>(0.0002 + 0.0008 * prng_.unit()));
    }

    Duration task_time() {
        return std::chrono::duration_cast<Duration>(std::chrono::duration<double>(
            -std::log(1 - prng_.unit()) * seconds_of(plan_.task_time)));
    }

    void begin() {
        for (std::uint32_t i = 0; i < plan_.agents; ++i) {
            after(std::chrono::duration_cast<Duration>(registration_time * prng_.unit()),
                  [this, i] { register_agent(i); });
        }
        agent_ids_.resize(plan_.agents);
        const std::uint64_t demand = std::uint64_t{plan_.agents} * plan_.tasks_per_agent;
        for (std::uint32_t i = 0; i < plan_.frameworks; ++i) {
            auto& framework = frameworks_.emplace_back();
            framework.role = fmt::format("role{}", i % plan_.roles);
            framework.stream = StreamId{fmt::format("stream-{}", i)};
            by_stream_.emplace(framework.stream, i);
            const auto part = demand / plan_.frameworks + (i < demand % plan_.frameworks ? 1 : 0);
            framework.wanted.assign(part, Instant{} + registration_time);
            after(registry_write_time * 4 + hop(), [this, i] { subscribe(i); });
        }
        after(sample_time, [this] { sample(); });
    }

    void subscribe(std::size_t i) {
        const auto& framework = frameworks_[i];
        master::SchedulerSubscribed subscribed;
        subscribed.stream = framework.stream;
        *subscribed.subscribe.mutable_framework_info() = framework_info(i, framework.role);
        step(std::move(subscribed));
    }

    void register_agent(std::size_t i) {
        to_master(i, registration(i, agent_cpus_milli, agent_mem_milli));
    }

    void to_master(std::size_t agent, link::ToMaster frame) {
        after(hop(), [this, agent, frame = std::move(frame)]() mutable {
            step(master::AgentFrameReceived{master::LinkId{agent}, std::move(frame)});
        });
    }

    void step(master::Event event) {
        const auto begun = std::chrono::steady_clock::now();
        auto effects = core_->step(std::move(event), now());
        const std::chrono::duration<float, std::milli> took =
            std::chrono::steady_clock::now() - begun;
        step_ms_.push_back(took.count());
        master_seconds_ += static_cast<double>(took.count()) / 1000;
        core_->pack(core_->take_changes());
        perform(std::move(effects));
    }

    void perform(master::Effects effects) {
        for (auto& effect : effects) {
            std::visit(Overloaded{
                           [&](master::SendToScheduler& send) {
                               after(hop(), [this, send = std::move(send)] {
                                   on_event(by_stream_.at(send.stream), *send.event);
                               });
                           },
                           [&](master::SendToAgent& send) {
                               after(hop(), [this, send = std::move(send)] {
                                   on_frame(send.link.value, *send.frame);
                               });
                           },
                           [&](master::PersistWrites& writes) {
                               after(registry_write_time, [this, token = writes.token] {
                                   step(master::WritesPersisted{token});
                               });
                           },
                           [](auto&) {},
                       },
                       effect);
        }
    }

    void call(std::size_t i, Call call) {
        call.mutable_framework_id()->set_value(frameworks_[i].id.value);
        after(hop(), [this, i, call = std::move(call)]() mutable {
            if (!core_->check_call(call, frameworks_[i].stream)) return;
            step(master::SchedulerCalled{frameworks_[i].stream, std::move(call)});
        });
    }

    void on_event(std::size_t i, const Event& event) {
        if (event.type() == Event::SUBSCRIBED) {
            frameworks_[i].id = FrameworkId{event.subscribed().framework_id().value()};
        } else if (event.type() == Event::OFFERS) {
            for (const auto& offer : event.offers().offers()) on_offer(i, offer);
        } else if (event.type() == Event::UPDATE) {
            on_update(i, event.update().status());
        }
    }

    void on_offer(std::size_t i, const mesos::v1::Offer& offer) {
        auto& framework = frameworks_[i];
        ++report_.offers;
        std::int64_t cpus = 0, mem = 0;
        for (const auto& resource : offer.resources()) {
            const auto milli = Quantity::from_double(resource.scalar().value()).milli;
            if (resource.name() == "cpus") cpus += milli;
            if (resource.name() == "mem") mem += milli;
        }
        const auto fit = static_cast<std::size_t>(std::min(cpus / cpus_milli_, mem / mem_milli_));
        const auto count = std::min(fit, framework.wanted.size());
        if (count == 0) {
            ++report_.declined;
            Call decline;
            decline.set_type(Call::DECLINE);
            *decline.mutable_decline()->add_offer_ids() = offer.id();
            return call(i, std::move(decline));
        }
        Call accept;
        accept.set_type(Call::ACCEPT);
        *accept.mutable_accept()->add_offer_ids() = offer.id();
        // What remains may go to others at once.
        accept.mutable_accept()->mutable_filters()->set_refuse_seconds(
            framework.wanted.size() > count ? 0 : 5);
        auto& operation = *accept.mutable_accept()->add_operations();
        operation.set_type(mesos::v1::Offer::Operation::LAUNCH);
        for (std::size_t n = 0; n < count; ++n) {
            launch(i, offer, *operation.mutable_launch()->add_task_infos());
        }
        call(i, std::move(accept));
    }

    void launch(std::size_t i, const mesos::v1::Offer& offer, mesos::v1::TaskInfo& task) {
        auto& framework = frameworks_[i];
        const auto id = fmt::format("t-{}-{}", i, framework.next_task++);
        const Instant wanted = framework.wanted.front();
        framework.wanted.pop_front();
        ++report_.tasks_launched;
        if (times_.now() > wanted) {
            launch_ms_.push_back(static_cast<float>(
                1000 * seconds_of(times_.now().since_start - wanted.since_start)));
        }
        tasks_.emplace(id, Task{wanted});
        task = task_info(id, offer.agent_id(), framework.role, cpus_milli_, mem_milli_);
    }

    void on_update(std::size_t i, const mesos::v1::TaskStatus& status) {
        auto& framework = frameworks_[i];
        const auto it = tasks_.find(status.task_id().value());
        if (it != tasks_.end() && status.state() == mesos::v1::TASK_RUNNING) {
            // Of those that were there before their time, nobody waited.
            const Duration waited = std::max(Duration{}, times_.now() - it->second.wanted);
            start_ms_.push_back(static_cast<float>(1000 * seconds_of(waited)));
        } else if (it != tasks_.end()) {
            // Ended, or lost because its offer was gone: another one takes its place.
            report_.tasks_finished += status.state() == mesos::v1::TASK_FINISHED ? 1 : 0;
            framework.wanted.push_back(times_.now());
            tasks_.erase(it);
        }
        if (!status.has_uuid()) return;
        call(i, acknowledgement(status));
    }

    void on_frame(std::size_t agent, const link::ToAgent& frame) {
        if (frame.has_agent_registered()) {
            agent_ids_[agent] = frame.agent_registered().agent_id().value();
        } else if (frame.has_ping()) {
            link::ToMaster pong;
            pong.set_agent_id(agent_ids_[agent]);
            pong.mutable_pong();
            to_master(agent, std::move(pong));
        } else if (frame.has_run_task()) {
            const auto framework = frame.run_task().framework().id();
            const auto task = frame.run_task().task().task_id();
            report_state(agent, framework, task, mesos::v1::TASK_RUNNING);
            ++running_;
            ++running_by_role_[frame.run_task().framework().roles(0)];
            after(task_time(),
                  [this, agent, framework, task, role = frame.run_task().framework().roles(0)] {
                      --running_;
                      --running_by_role_[role];
                      report_state(agent, framework, task, mesos::v1::TASK_FINISHED);
                  });
        }
    }

    void report_state(std::size_t agent, const mesos::v1::FrameworkID& framework,
                      const mesos::v1::TaskID& task, mesos::v1::TaskState state) {
        to_master(agent, status_update(agent_ids_[agent], framework, task, state, now().wall,
                                       prng_.uuid_bytes()));
    }

    void sample() {
        const double slots =
            static_cast<double>(plan_.agents) * static_cast<double>(plan_.tasks_per_agent);
        const double used = static_cast<double>(running_) / slots;
        if (used >= 0.95 && report_.full_after == Duration{}) {
            report_.full_after = times_.now().since_start;
        }
        if (times_.now().since_start > registration_time + sample_time) {
            ++samples_;
            used_sum_ += used;
            for (const auto& [role, count] : running_by_role_) {
                report_.shares[role] += static_cast<double>(count) / slots;
            }
        }
        after(sample_time, [this] { sample(); });
    }

    CapacityReport report(std::chrono::duration<double> real) {
        report_.tasks_a_second =
            static_cast<double>(report_.tasks_launched) / seconds_of(plan_.length);
        report_.tasks_a_real_second =
            master_seconds_ > 0 ? static_cast<double>(report_.tasks_launched) / master_seconds_ : 0;
        if (samples_ > 0) {
            report_.utilisation = used_sum_ / samples_;
            for (auto& [role, share] : report_.shares) share /= samples_;
        }
        report_.launch_wait_ms = percentiles(std::move(launch_ms_));
        report_.start_wait_ms = percentiles(std::move(start_ms_));
        report_.master_step_ms = percentiles(std::move(step_ms_));
        report_.real_seconds = real.count();
        return std::move(report_);
    }

    const CapacityPlan plan_;
    Prng prng_;
    const std::int64_t cpus_milli_;
    const std::int64_t mem_milli_;
    Timetable times_;
    std::unique_ptr<master::Core> core_;

    std::deque<Framework> frameworks_;
    std::map<StreamId, std::size_t> by_stream_;
    std::vector<std::string> agent_ids_;
    std::unordered_map<std::string, Task> tasks_;
    std::int64_t running_ = 0;
    std::map<std::string, std::int64_t> running_by_role_;

    CapacityReport report_;
    std::vector<float> launch_ms_;
    std::vector<float> start_ms_;
    std::vector<float> step_ms_;
    double master_seconds_ = 0;
    double used_sum_ = 0;
    double samples_ = 0;
};

}  // namespace

Result<CapacityReport> run_capacity(const CapacityPlan& plan,
                                    const std::function<bool(double)>& progress) {
    if (plan.agents == 0 || plan.frameworks == 0 || plan.roles == 0 || plan.tasks_per_agent == 0) {
        return fail(Errc::invalid_argument,
                    "a simulation needs at least one agent, framework, role and task an agent");
    }
    if (plan.tasks_per_agent > agent_cpus_milli / 10 || plan.length <= Duration{} ||
        plan.task_time <= Duration{}) {
        return fail(Errc::invalid_argument,
                    "an agent has room for {} tasks at most, and times must be above 0",
                    agent_cpus_milli / 10);
    }
    return Simulation(plan).run(progress);
}

}  // namespace tepui::simulate
