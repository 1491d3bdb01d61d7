#include "bench/load/offer_load.h"

#include <algorithm>
#include <chrono>

namespace tepui::bench {

using mesos::v1::scheduler::Call;
using mesos::v1::scheduler::Event;

namespace {

constexpr std::chrono::milliseconds k_pace{1};

TaskShape whole_agents(const OfferLoad::Settings& settings) {
    TaskShape shape = settings.shape;
    shape.cpus = settings.agent_cpus;
    shape.mem_mb = settings.agent_mem_mb;
    return shape;
}

}  // namespace

OfferLoad::OfferLoad(asio::io_context& io, Settings settings)
    : io_(io),
      settings_([&settings] {
          settings.shape = whole_agents(settings);
          return std::move(settings);
      }()),
      agents_(io,
              {settings_.master, settings_.agents, settings_.connections, settings_.agent_cpus,
               settings_.agent_mem_mb, /*tasks_stay=*/true},
              {[this] {
                   for (const auto& scheduler : schedulers_) scheduler->start();
               },
               [this](Error error) { fail_with(std::move(error)); },
               [this](SimulatedAgents::TaskRef ref) { on_acknowledged(std::move(ref)); }}),
      timer_(io) {
    for (std::size_t i = 0; i < settings_.frameworks; ++i) {
        schedulers_.push_back(std::make_unique<Scheduler>(
            io, Scheduler::Settings{settings_.master, fmt::format("offers-{}", i), 1},
            Scheduler::Handlers{[this, i](const Event& event) { on_event(i, event); },
                                [](std::uint64_t) {},
                                [this](Error error) { fail_with(std::move(error)); }}));
    }
}

void OfferLoad::on_event(std::size_t scheduler, const Event& event) {
    if (event.type() == Event::OFFERS) return on_offers(scheduler, event.offers());
    if (event.type() == Event::UPDATE) schedulers_[scheduler]->acknowledge(event.update().status());
}

void OfferLoad::on_offers(std::size_t scheduler, const Event::Offers& offers) {
    const auto now = SteadyClock::now();
    for (const auto& offer : offers.offers()) {
        const auto ended = ended_.find(offer.agent_id().value());
        if (ended != ended_.end()) {
            offer_us_.push_back(micros(now - ended->second));
            ended_.erase(ended);
        }
        if (slots(offer, settings_.shape) == 0) {
            return fail_with({Errc::io, "an offer holds less than an agent"});
        }
        Call call = accept_call(offer, settings_.shape, next_task_++, 1);
        schedulers_[scheduler]->send(call);
    }
    if (offer_us_.size() >= settings_.samples) io_.stop();
}

void OfferLoad::on_acknowledged(SimulatedAgents::TaskRef ref) {
    mesos::v1::TaskStatus named;
    *named.mutable_task_id() = ref.task;
    const Result<std::uint64_t> number = task_number(named);
    if (!number) return fail_with(number.error());
    Task& task = tasks_[*number];
    if (task.has_ended) {
        tasks_.erase(*number);
        return;
    }
    task.ref = std::move(ref);
    running_.push_back(*number);
    if (!begin_ && running_.size() == settings_.agents) {
        begin_ = SteadyClock::now();
        end_due();
    }
}

/// Each when it is due; where no task runs that could end, the clocks go on.
void OfferLoad::end_due() {
    const std::chrono::duration<double> gap{1.0 / settings_.ends_per_second};
    const auto now = SteadyClock::now();
    while (!running_.empty()) {
        const auto due = *begin_ + std::chrono::duration_cast<SteadyClock::duration>(
                                       gap * static_cast<double>(ends_));
        if (due > now) break;
        Task& task = tasks_.at(running_.front());
        running_.pop_front();
        task.has_ended = true;
        ended_[task.ref.agent] = due;
        SimulatedAgents::finish(task.ref);
        ++ends_;
    }
    agents_.flush();
    timer_.expires_after(k_pace);
    timer_.async_wait([this](boost::system::error_code error) {
        if (!error) end_due();
    });
}

void OfferLoad::fail_with(Error error) {
    if (!error_) error_ = std::move(error);
    io_.stop();
}

Result<Figures> OfferLoad::figures() const {
    if (error_) return std::unexpected(*error_);
    if (offer_us_.size() < settings_.samples)
        return fail(Errc::timeout, "{} of {} ends were followed by an offer in time",
                    offer_us_.size(), settings_.samples);
    Figures figures;
    figures.add("ends_per_second",
                static_cast<double>(ends_) / seconds_between(*begin_, SteadyClock::now()));
    figures.add_quantiles("offer_us", offer_us_);
    return figures;
}

}  // namespace tepui::bench
