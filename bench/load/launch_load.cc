#include "bench/load/launch_load.h"

#include <algorithm>

namespace tepui::bench {

using mesos::v1::scheduler::Call;
using mesos::v1::scheduler::Event;

LaunchLoad::LaunchLoad(asio::io_context& io, Settings settings)
    : io_(io),
      settings_(std::move(settings)),
      scheduler_(io, {settings_.master, "load-launch", 2},
                 {[this](const Event& event) { on_event(event); }, [](std::uint64_t) {},
                  [this](Error error) { fail_with(std::move(error)); }}) {}

void LaunchLoad::on_event(const Event& event) {
    if (event.type() == Event::OFFERS) on_offers(event.offers());
    if (event.type() == Event::UPDATE) on_status(event.update().status());
}

void LaunchLoad::on_offers(const Event::Offers& offers) {
    std::vector<mesos::v1::OfferID> unused;
    for (const auto& offer : offers.offers()) {
        const std::size_t count =
            std::min<std::size_t>(slots(offer, settings_.shape), settings_.tasks - launched_);
        if (count == 0) {
            unused.push_back(offer.id());
            continue;
        }
        agent_ = offer.agent_id();
        accepted_.resize(launched_ + count, SteadyClock::now());
        Call call = accept_call(offer, settings_.shape, launched_, count);
        launched_ += count;
        scheduler_.send(call);
    }
    scheduler_.decline(unused);
}

void LaunchLoad::on_status(const mesos::v1::TaskStatus& status) {
    scheduler_.acknowledge(status);
    const Result<std::uint64_t> number = task_number(status);
    if (!number || *number >= launched_)
        return fail_with({Errc::io, "a status of a task that is not ours"});
    switch (status.state()) {
        case mesos::v1::TASK_STARTING:
        case mesos::v1::TASK_KILLING: return;
        case mesos::v1::TASK_RUNNING: return on_running(*number);
        case mesos::v1::TASK_FINISHED:
        case mesos::v1::TASK_KILLED: break;
        default:
            return fail_with({Errc::io, fmt::format("task {} is {}: {}", *number,
                                                    mesos::v1::TaskState_Name(status.state()),
                                                    status.message())});
    }
    if (++ended_ < settings_.tasks) return;
    all_ended_ = SteadyClock::now();
    io_.stop();
}

void LaunchLoad::on_running(std::uint64_t number) {
    const auto now = SteadyClock::now();
    latencies_us_.push_back(micros(now - accepted_[number]));
    if (++running_ < settings_.tasks) return;
    all_running_ = now;
    if (settings_.tasks_stay) kill_all();
}

void LaunchLoad::kill_all() {
    for (std::uint64_t number = 0; number < launched_; ++number) {
        Call call;
        call.set_type(Call::KILL);
        call.mutable_kill()->mutable_task_id()->set_value(std::to_string(number));
        *call.mutable_kill()->mutable_agent_id() = agent_;
        scheduler_.send(call);
    }
}

void LaunchLoad::fail_with(Error error) {
    if (!error_) error_ = std::move(error);
    io_.stop();
}

Result<Figures> LaunchLoad::figures() const {
    if (error_) return std::unexpected(*error_);
    if (ended_ < settings_.tasks)
        return fail(Errc::timeout, "{} of {} tasks ran and {} ended in time", running_,
                    settings_.tasks, ended_);
    const auto tasks = static_cast<double>(settings_.tasks);
    Figures figures;
    figures.add("launches_per_second", tasks / seconds_between(accepted_.front(), all_running_));
    figures.add("destroys_per_second",
                tasks / seconds_between(settings_.tasks_stay ? all_running_ : accepted_.front(),
                                        all_ended_));
    figures.add_quantiles("latency_us", latencies_us_);
    return figures;
}

}  // namespace tepui::bench
