#include "bench/load/start_load.h"

namespace tepui::bench {
namespace {

using mesos::v1::scheduler::Event;

/// The first starts fill caches.
constexpr std::size_t k_warm_up = 10;
/// An agent is idle again when it has removed what was left of the task before.
constexpr auto k_rest = std::chrono::milliseconds(30);

double wall_seconds() {
    return std::chrono::duration<double>(std::chrono::system_clock::now().time_since_epoch()).count();
}

}  // namespace

StartLoad::StartLoad(asio::io_context& io, Settings settings, Floor floor)
    : io_(io), settings_(std::move(settings)), floor_(std::move(floor)),
      scheduler_(io, {settings_.master, "load-start", 1},
                 {[this](const Event& event) { on_event(event); }, [](std::uint64_t) {},
                  [this](Error error) { fail_with(std::move(error)); }}),
      timer_(io) {}

void StartLoad::on_event(const Event& event) {
    if (event.type() == Event::UPDATE) on_status(event.update().status());
    if (event.type() != Event::OFFERS) return;
    if (event.offers().offers_size() != 1 || offer_)
        return fail_with({Errc::conflict, "one agent with one offer at a time is wanted"});
    offer_ = event.offers().offers(0);
    if (!is_running_ && !is_resting_) rest();
}

void StartLoad::rest() {
    is_resting_ = true;
    timer_.expires_after(k_rest);
    timer_.async_wait([this](boost::system::error_code error) {
        if (error) return;
        is_resting_ = false;
        if (offer_ && !is_running_) launch();
    });
}

void StartLoad::launch() {
    const Result<Floor::Times> floor = floor_.run(static_cast<unsigned>(launched_));
    if (!floor) return fail_with(floor.error());
    if (launched_ >= k_warm_up) {
        samples_us_.floor_exec.push_back(floor->exec_us);
        samples_us_.floor_wait.push_back(floor->wait_us);
    }
    auto call = accept_call(*offer_, settings_.shape, launched_++, 1);
    offer_.reset();
    is_running_ = true;
    starting_wall_.reset();
    accepted_ = SteadyClock::now();
    accepted_wall_ = wall_seconds();
    scheduler_.send(call);
}

void StartLoad::on_status(const mesos::v1::TaskStatus& status) {
    if (status.state() == mesos::v1::TASK_RUNNING) on_running(status);
    scheduler_.acknowledge(status);
    switch (status.state()) {
        case mesos::v1::TASK_STARTING: starting_wall_ = status.timestamp(); return;
        case mesos::v1::TASK_RUNNING: return;
        case mesos::v1::TASK_FINISHED: break;
        default:
            return fail_with({Errc::io, fmt::format("a task is {}: {}",
                                                    mesos::v1::TaskState_Name(status.state()),
                                                    status.message())});
    }
    is_running_ = false;
    if (launched_ == settings_.tasks + k_warm_up) return io_.stop();
    rest();
}

void StartLoad::on_running(const mesos::v1::TaskStatus& status) {
    const auto now = SteadyClock::now();
    const double now_wall = wall_seconds();
    if (launched_ <= k_warm_up) return;
    constexpr double us = 1e6;
    samples_us_.start.push_back(micros(now - accepted_));
    samples_us_.to_scheduler.push_back((now_wall - status.timestamp()) * us);
    const double begun = starting_wall_.value_or(accepted_wall_);
    if (starting_wall_) samples_us_.to_agent.push_back((begun - accepted_wall_) * us);
    samples_us_.container.push_back((status.timestamp() - begun) * us);
}

void StartLoad::fail_with(Error error) {
    if (!error_) error_ = std::move(error);
    io_.stop();
}

Result<Figures> StartLoad::figures() const {
    if (error_) return std::unexpected(*error_);
    if (samples_us_.start.size() < settings_.tasks)
        return fail(Errc::timeout, "{} of {} tasks ran in time", samples_us_.start.size(), settings_.tasks);
    Figures figures;
    figures.add_quantiles("start_us", samples_us_.start);
    figures.add_quantiles("to_agent_us", samples_us_.to_agent);
    figures.add_quantiles("container_us", samples_us_.container);
    figures.add_quantiles("to_scheduler_us", samples_us_.to_scheduler);
    figures.add_quantiles("floor_exec_us", samples_us_.floor_exec);
    figures.add_quantiles("floor_wait_us", samples_us_.floor_wait);
    return figures;
}

}  // namespace tepui::bench
