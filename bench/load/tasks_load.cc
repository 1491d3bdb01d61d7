#include "bench/load/tasks_load.h"

#include <algorithm>

namespace tepui::bench {

using mesos::v1::scheduler::Call;
using mesos::v1::scheduler::Event;

TasksLoad::TasksLoad(asio::io_context& io, Settings settings)
    : io_(io),
      settings_(std::move(settings)),
      frameworks_(settings_.frameworks),
      times_(settings_.tasks) {}

void TasksLoad::start() {
    for (std::size_t i = 0; i < frameworks_.size(); ++i) {
        Framework& framework = frameworks_[i];
        framework.next = settings_.tasks * i / frameworks_.size();
        framework.end = settings_.tasks * (i + 1) / frameworks_.size();
        Scheduler::Handlers handlers{
            [this, &framework](const Event& event) { on_event(framework, event); },
            [this](std::uint64_t tag) { on_accepted(tag); },
            [this](Error error) { fail_with(std::move(error)); }};
        framework.scheduler = std::make_unique<Scheduler>(
            io_,
            Scheduler::Settings{settings_.master, fmt::format("load-{}", i), settings_.connections},
            std::move(handlers));
        framework.scheduler->start();
    }
}

void TasksLoad::on_event(Framework& framework, const Event& event) {
    if (event.type() == Event::OFFERS) on_offers(framework, event.offers());
    if (event.type() == Event::UPDATE) on_status(framework, event.update().status());
}

void TasksLoad::on_offers(Framework& framework, const Event::Offers& offers) {
    if (!cpu_begin_seconds_) {
        const Result<double> cpu = cpu_seconds(settings_.master_pid);
        if (!cpu) return fail_with(cpu.error());
        cpu_begin_seconds_ = *cpu;
    }
    std::vector<mesos::v1::OfferID> unused;
    for (const auto& offer : offers.offers()) {
        const std::size_t count =
            std::min<std::size_t>(slots(offer, settings_.shape), framework.end - framework.next);
        if (count == 0) {
            unused.push_back(offer.id());
            continue;
        }
        const auto now = SteadyClock::now();
        for (std::size_t i = 0; i < count; ++i) times_[framework.next + i].accepted = now;
        Call call = accept_call(offer, settings_.shape, framework.next, count);
        framework.next += count;
        framework.scheduler->send(call);
    }
    if (framework.next == framework.end) suppress(framework);
    framework.scheduler->decline(unused);
}

void TasksLoad::suppress(Framework& framework) {
    if (std::exchange(framework.is_suppressed, true)) return;
    Call call;
    call.set_type(Call::SUPPRESS);
    framework.scheduler->send(call);
}

void TasksLoad::on_status(Framework& framework, const mesos::v1::TaskStatus& status) {
    const Result<std::uint64_t> number = task_number(status);
    if (!number) return fail_with(number.error());
    // Real agents say so first.
    if (status.state() == mesos::v1::TASK_STARTING) return framework.scheduler->acknowledge(status);
    const bool is_running = status.state() == mesos::v1::TASK_RUNNING;
    if (!is_running && status.state() != mesos::v1::TASK_FINISHED) {
        return fail_with(
            {Errc::io, fmt::format("task {} is {}: {}", *number,
                                   mesos::v1::TaskState_Name(status.state()), status.message())});
    }
    framework.scheduler->acknowledge(status, is_running ? *number + 1 : 0);
}

/// Tags are 0 or the number of the task whose TASK_RUNNING was acknowledged, plus 1.
void TasksLoad::on_accepted(std::uint64_t tag) {
    if (tag == 0) return;
    TaskTimes& times = times_[tag - 1];
    if (times.acknowledged != SteadyClock::time_point{}) return;  // An update that was sent twice.
    times.acknowledged = SteadyClock::now();
    if (++acknowledged_ < times_.size()) return;
    const Result<double> cpu = cpu_seconds(settings_.master_pid);
    if (!cpu) return fail_with(cpu.error());
    cpu_end_seconds_ = *cpu;
    io_.stop();
}

void TasksLoad::fail_with(Error error) {
    if (!error_) error_ = std::move(error);
    io_.stop();
}

Result<Figures> TasksLoad::figures() const {
    if (error_) return std::unexpected(*error_);
    if (acknowledged_ < times_.size())
        return fail(Errc::timeout, "{} of {} tasks were acknowledged in time", acknowledged_,
                    times_.size());
    std::vector<double> latencies_us;
    auto begin = SteadyClock::time_point::max();
    auto end = SteadyClock::time_point::min();
    for (const TaskTimes& times : times_) {
        latencies_us.push_back(micros(times.acknowledged - times.accepted));
        begin = std::min(begin, times.accepted);
        end = std::max(end, times.acknowledged);
    }
    const auto tasks = static_cast<double>(times_.size());
    const double cpu = cpu_end_seconds_ - *cpu_begin_seconds_;
    Figures figures;
    figures.add("seconds", seconds_between(begin, end));
    figures.add("tasks_per_second", tasks / seconds_between(begin, end));
    figures.add("master_cpu_seconds", cpu);
    figures.add("master_cpu_us_per_task", cpu / tasks * 1e6);
    figures.add("tasks_per_cpu_second", cpu > 0 ? tasks / cpu : 0);
    figures.add_quantiles("latency_us", latencies_us);
    return figures;
}

}  // namespace tepui::bench
