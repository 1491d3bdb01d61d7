#include "bench/load/updates_load.h"

#include <algorithm>
#include <chrono>

namespace tepui::bench {

using mesos::v1::scheduler::Call;
using mesos::v1::scheduler::Event;

namespace {

/// An agent sends an update again when it has waited so long (Mesos' first interval): an
/// acknowledgement that comes later counts as a retry.
constexpr std::chrono::seconds k_retry_after{10};
constexpr std::chrono::milliseconds k_pace{1};

}  // namespace

UpdatesLoad::UpdatesLoad(asio::io_context& io, Settings settings)
    : io_(io),
      settings_(std::move(settings)),
      agents_(io,
              {settings_.master, settings_.agents, settings_.connections, settings_.agent_cpus,
               settings_.agent_mem_mb, /*tasks_stay=*/true},
              {[this] { scheduler_.start(); }, [this](Error error) { fail_with(std::move(error)); },
               [this](SimulatedAgents::TaskRef ref) { on_acknowledged(std::move(ref)); }}),
      scheduler_(io, {settings_.master, "updates", 4},
                 {[this](const Event& event) { on_event(event); }, [](std::uint64_t) {},
                  [this](Error error) { fail_with(std::move(error)); }}),
      timer_(io),
      tasks_(settings_.tasks) {}

void UpdatesLoad::on_event(const Event& event) {
    if (event.type() == Event::OFFERS) return on_offers(event.offers());
    if (event.type() != Event::UPDATE) return;
    const mesos::v1::TaskStatus& status = event.update().status();
    if (status.state() != mesos::v1::TASK_RUNNING) {
        return fail_with(
            {Errc::io, fmt::format("task {} is {}: {}", status.task_id().value(),
                                   mesos::v1::TaskState_Name(status.state()), status.message())});
    }
    scheduler_.acknowledge(status);
}

void UpdatesLoad::on_offers(const Event::Offers& offers) {
    std::vector<mesos::v1::OfferID> unused;
    for (const auto& offer : offers.offers()) {
        const std::size_t count =
            std::min<std::size_t>(slots(offer, settings_.shape), tasks_.size() - next_task_);
        if (count == 0) {
            unused.push_back(offer.id());
            continue;
        }
        Call call = accept_call(offer, settings_.shape, next_task_, count);
        next_task_ += count;
        scheduler_.send(call);
    }
    scheduler_.decline(unused);
}

void UpdatesLoad::on_acknowledged(SimulatedAgents::TaskRef ref) {
    mesos::v1::TaskStatus named;
    *named.mutable_task_id() = ref.task;
    const Result<std::uint64_t> number = task_number(named);
    if (!number || *number >= tasks_.size())
        return fail_with({Errc::io, "an acknowledgement of a task that is not ours"});
    Task& task = tasks_[*number];
    ++acknowledged_;
    if (part_ == Part::launch) {
        task.ref = std::move(ref);
        if (acknowledged_ == tasks_.size()) begin_full();
        return;
    }
    note_time(task);
    task.is_waiting = false;
    ++task.acknowledged;
    const std::size_t all = tasks_.size() * settings_.updates;
    if (part_ == Part::half) {
        if (acknowledged_ == all) end();
        return;
    }
    if (task.acknowledged < settings_.updates) send(task, SteadyClock::now());
    if (acknowledged_ == all) begin_half();
}

void UpdatesLoad::note_time(const Task& task) {
    const auto took = SteadyClock::now() - task.sent;
    if (took > k_retry_after) ++retries_;
    (part_ == Part::full ? full_us_ : half_us_).push_back(micros(took));
}

void UpdatesLoad::send(Task& task, SteadyClock::time_point due) {
    task.sent = due;
    task.is_waiting = true;
    SimulatedAgents::update(task.ref);
}

void UpdatesLoad::begin_full() {
    const Result<double> cpu = cpu_seconds(settings_.master_pid);
    if (!cpu) return fail_with(cpu.error());
    cpu_begin_seconds_ = *cpu;
    part_ = Part::full;
    acknowledged_ = 0;
    begin_ = SteadyClock::now();
    for (Task& task : tasks_) send(task, SteadyClock::now());
    agents_.flush();
}

void UpdatesLoad::begin_half() {
    const Result<double> cpu = cpu_seconds(settings_.master_pid);
    if (!cpu) return fail_with(cpu.error());
    cpu_seconds_ = *cpu - cpu_begin_seconds_;
    full_per_second_ =
        static_cast<double>(acknowledged_) / seconds_between(begin_, SteadyClock::now());
    part_ = Part::half;
    acknowledged_ = 0;
    begin_ = SteadyClock::now();
    send_due();
}

/// Task after task, each when it is due. One that still waits for an acknowledgement holds the
/// others up; their clocks run meanwhile.
void UpdatesLoad::send_due() {
    const std::size_t all = tasks_.size() * settings_.updates;
    const double gap_seconds = 2 / full_per_second_;
    const auto now = SteadyClock::now();
    while (due_sent_ < all) {
        const auto due =
            begin_ +
            std::chrono::duration_cast<SteadyClock::duration>(
                std::chrono::duration<double>(gap_seconds * static_cast<double>(due_sent_)));
        Task& task = tasks_[due_sent_ % tasks_.size()];
        if (due > now || task.is_waiting) break;
        send(task, due);
        ++due_sent_;
    }
    agents_.flush();
    if (due_sent_ == all) return;
    timer_.expires_after(k_pace);
    timer_.async_wait([this](boost::system::error_code error) {
        if (!error) send_due();
    });
}

void UpdatesLoad::end() {
    is_done_ = true;
    io_.stop();
}

void UpdatesLoad::fail_with(Error error) {
    if (!error_) error_ = std::move(error);
    io_.stop();
}

Result<Figures> UpdatesLoad::figures() const {
    if (error_) return std::unexpected(*error_);
    if (!is_done_)
        return fail(Errc::timeout, "{} updates of part {} of 2 were acknowledged in time",
                    acknowledged_, static_cast<int>(part_));
    const auto updates = static_cast<double>(tasks_.size() * settings_.updates);
    Figures figures;
    figures.add("updates_per_second", full_per_second_);
    figures.add("updates_per_cpu_second", cpu_seconds_ > 0 ? updates / cpu_seconds_ : 0);
    figures.add("retries", static_cast<double>(retries_));
    figures.add_quantiles("full_us", full_us_);
    figures.add_quantiles("half_us", half_us_);
    return figures;
}

}  // namespace tepui::bench
