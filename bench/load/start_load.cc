#include "bench/load/start_load.h"

namespace tepui::bench {
namespace {

using mesos::v1::scheduler::Event;

/// The first starts fill caches.
constexpr std::size_t k_warm_up = 10;
/// By then the agent has removed what was left of the task before, and the kernel's cgroups are at
/// rest.
constexpr auto k_rest = std::chrono::milliseconds(50);

double wall_seconds() {
    return std::chrono::duration<double>(std::chrono::system_clock::now().time_since_epoch())
        .count();
}

}  // namespace

StartLoad::StartLoad(asio::io_context& io, Settings settings, Floor floor)
    : io_(io),
      settings_(std::move(settings)),
      floor_(std::move(floor)),
      scheduler_(io, {settings_.master, "load-start", 1},
                 {[this](const Event& event) { on_event(event); }, [](std::uint64_t) {},
                  [this](Error error) { fail_with(std::move(error)); }}),
      timer_(io) {}

void StartLoad::on_event(const Event& event) {
    if (event.type() == Event::UPDATE) on_status(event.update().status());
    if (event.type() != Event::OFFERS) return;
    for (const auto& offer : event.offers().offers()) offers_.push_back(offer);
    if (!is_running_ && !is_resting_) rest();
}

void StartLoad::rest() {
    is_resting_ = true;
    timer_.expires_after(k_rest);
    timer_.async_wait([this](boost::system::error_code error) {
        if (error) return;
        is_resting_ = false;
        rested();
    });
}

void StartLoad::rested() {
    if (is_running_) return;
    if (is_floor_next_) {
        run_floor();
    } else if (!offers_.empty()) {
        launch();
    }
}

void StartLoad::run_floor() {
    const Result<Floor::Times> floor = floor_.run(static_cast<unsigned>(launched_));
    if (!floor) return fail_with(floor.error());
    if (launched_ >= k_warm_up) {
        samples_us_.floor_exec.push_back(floor->exec_us);
        samples_us_.floor_wait.push_back(floor->wait_us);
    }
    is_floor_next_ = false;
    rest();
}

void StartLoad::launch() {
    auto call = accept_call(offers_.front(), settings_.shape, launched_++, 1);
    // What came back of the tasks before is another offer; all are used up, so that none stays
    // small.
    for (std::size_t i = 1; i < offers_.size(); ++i)
        *call.mutable_accept()->add_offer_ids() = offers_[i].id();
    offers_.clear();
    is_running_ = true;
    is_floor_next_ = true;
    accepted_ = SteadyClock::now();
    accepted_wall_ = wall_seconds();
    scheduler_.send(call);
}

void StartLoad::on_status(const mesos::v1::TaskStatus& status) {
    if (status.state() == mesos::v1::TASK_RUNNING) on_running(status);
    scheduler_.acknowledge(status);
    switch (status.state()) {
        case mesos::v1::TASK_STARTING:
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
    samples_us_.to_running.push_back((status.timestamp() - accepted_wall_) * us);
}

void StartLoad::fail_with(Error error) {
    if (!error_) error_ = std::move(error);
    io_.stop();
}

Result<Figures> StartLoad::figures() const {
    if (error_) return std::unexpected(*error_);
    if (samples_us_.start.size() < settings_.tasks)
        return fail(Errc::timeout, "{} of {} tasks ran in time", samples_us_.start.size(),
                    settings_.tasks);
    Figures figures;
    figures.add_quantiles("start_us", samples_us_.start);
    figures.add_quantiles("to_running_us", samples_us_.to_running);
    figures.add_quantiles("to_scheduler_us", samples_us_.to_scheduler);
    figures.add_quantiles("floor_exec_us", samples_us_.floor_exec);
    figures.add_quantiles("floor_wait_us", samples_us_.floor_wait);
    return figures;
}

}  // namespace tepui::bench
