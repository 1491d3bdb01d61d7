#include "master/core_loop.h"

#include "base/overloaded.h"
#include "master/core/state.h"

namespace tepui::master {
namespace {

/// Beyond it the batch is committed and the rest waits for the next: a flood of events must not
/// keep what is ready from being written.
constexpr std::size_t batch_events_max = 1024;

/// The least time from one allocation to the next. An idle master offers at once what becomes free;
/// a busy one collects it, so that offers are fewer and larger.
constexpr Duration offers_pause = std::chrono::milliseconds{2};

const Error stopping{Errc::cancelled, "the master is shutting down"};
const Error store_broken{Errc::unavailable, "the master's registry failed: it is shutting down"};

}  // namespace

CoreLoop::CoreLoop(std::unique_ptr<Core> core, std::unique_ptr<coord::Store> store,
                   const env::Clock& clock, Outlets& outlets)
    : core_(std::move(core)),
      changes_{.take = [this] { return core_->take_changes(); },
               .pack = [this](const Changes& changes) { core_->pack(changes); }},
      store_(std::move(store)),
      clock_(clock),
      outlets_(outlets),
      thread_([this](std::deque<Item> batch) { take(std::move(batch)); }, batch_events_max) {}

CoreLoop::~CoreLoop() { stop(); }

void CoreLoop::start() {
    thread_.start([this] {
        perform(core_->start(clock_.now()));
        commit();
        end_batch();
    });
}

void CoreLoop::stop() {
    auto left = thread_.stop();
    if (!left) return;
    store_.reset();  // Writes what was committed; its completions find the loop stopped.
    for (Item& item : *left) refuse(item, stopping);
    for (auto& [token, done] : requests_) done(std::unexpected(stopping));
    requests_.clear();
}

void CoreLoop::post(Event event) { push(std::move(event)); }

void CoreLoop::post(std::vector<Event> events) {
    std::vector<Item> items(std::make_move_iterator(events.begin()),
                            std::make_move_iterator(events.end()));
    thread_.push(items);  // Events of a loop that was stopped need no answer.
}

void CoreLoop::post_call(mesos::v1::scheduler::Call call, std::optional<StreamId> stream,
                         std::function<void(Result<void>)> done) {
    push(CallItem{std::move(call), std::move(stream), std::move(done)});
}

void CoreLoop::post_teardown(FrameworkId framework, std::function<void(Result<void>)> done) {
    push(RequestItem{TeardownRequested{{}, std::move(framework)}, std::move(done)});
}

void CoreLoop::post_kill(FrameworkId framework, TaskId task,
                         std::optional<mesos::v1::KillPolicy> policy,
                         std::function<void(Result<void>)> done) {
    push(RequestItem{KillRequested{{}, std::move(framework), std::move(task), std::move(policy)},
                     std::move(done)});
}

void CoreLoop::post_mark_gone(AgentId agent, std::function<void(Result<void>)> done) {
    push(RequestItem{MarkAgentGoneRequested{{}, std::move(agent)}, std::move(done)});
}

void CoreLoop::post_deactivation(AgentId agent, bool deactivated,
                                 std::function<void(Result<void>)> done) {
    push(RequestItem{DeactivationRequested{{}, std::move(agent), deactivated}, std::move(done)});
}

void CoreLoop::post_weights(std::vector<mesos::v1::WeightInfo> infos,
                            std::function<void(Result<void>)> done) {
    push(RequestItem{WeightsUpdateRequested{{}, std::move(infos)}, std::move(done)});
}

void CoreLoop::post_priorities(std::map<std::string, std::int32_t> priorities,
                               std::function<void(Result<void>)> done) {
    push(RequestItem{PrioritiesUpdateRequested{{}, std::move(priorities)}, std::move(done)});
}

void CoreLoop::post_quota(QuotaUpdateRequested wanted, std::function<void(Result<void>)> done) {
    push(RequestItem{std::move(wanted), std::move(done)});
}

void CoreLoop::post_operation(OperationRequested wanted, std::function<void(Result<void>)> done) {
    push(RequestItem{std::move(wanted), std::move(done)});
}

void CoreLoop::post_maintenance(MaintenanceRequest wanted, std::function<void(Result<void>)> done) {
    std::visit([&](auto& request) { push(RequestItem{std::move(request), std::move(done)}); },
               wanted);
}

void CoreLoop::post_rescind(std::set<OfferId> offers, std::function<void(Result<void>)> done) {
    push(RequestItem{OffersRescindRequested{{}, std::move(offers)}, std::move(done)});
}

void CoreLoop::wake() { push(WakeItem{}); }

LoopStats CoreLoop::stats() const {
    const std::scoped_lock lock(mutex_);
    LoopStats stats = stats_;
    stats.queued = thread_.waiting();
    return stats;
}

void CoreLoop::push(Item item) {
    if (!thread_.push(item)) refuse(item, stopping);
}

void CoreLoop::refuse(Item& item, const Error& why) {
    if (auto* call = std::get_if<CallItem>(&item)) call->done(std::unexpected(why));
    if (auto* request = std::get_if<RequestItem>(&item)) request->done(std::unexpected(why));
}

bool CoreLoop::failed() const {
    const std::scoped_lock lock(mutex_);
    return failed_;
}

void CoreLoop::take(std::deque<Item> batch) {
    {
        const std::scoped_lock lock(mutex_);
        stats_.events += batch.size();
        ++stats_.batches;
    }
    if (failed()) {  // What is stored is not known: readers are answered, nothing else is done.
        for (Item& item : batch) refuse(item, store_broken);
        end_batch();
        return;
    }
    for (Item& item : batch) handle(std::move(item));
    do_what_is_due();
    commit();
    end_batch();
}

void CoreLoop::handle(Item item) {
    std::visit(
        Overloaded{
            [this](Event& event) { step(std::move(event)); },
            [this](CallItem& item) {
                const Result<void> judgement = core_->check_call(item.call, item.stream);
                if (judgement)
                    step(SchedulerCalled{item.stream.value_or(StreamId{}), std::move(item.call)});
                item.done(judgement);
            },
            [this](RequestItem& item) {
                const RequestToken token{++last_request_};
                requests_.emplace(token, std::move(item.done));
                std::visit(
                    [&](auto& event) {
                        event.request = token;
                        step(std::move(event));
                    },
                    item.event);
            },
            [](WakeItem) {},
        },
        item);
}

void CoreLoop::step(Event event) {
    perform(core_->step(std::move(event), clock_.now(), Core::Offers::owed));
}

void CoreLoop::do_what_is_due() {
    const Now now = clock_.now();
    const bool owed = core_->owes_offers();
    if (owed && !offers_owed_since_) offers_owed_since_ = now.instant;
    const bool offers = owed && offers_due_ <= now.instant;
    if (!offers && core_->next_deadline() > now.instant) return;
    perform(core_->step(Tick{}, now));
    offers_due_ = now.instant + offers_pause;
    if (owed) note_allocation(now.instant);
}

void CoreLoop::note_allocation(Instant begin) {
    const auto ms = [](Duration duration) { return seconds(duration) * 1000; };
    const Instant owed_since = std::exchange(offers_owed_since_, std::nullopt).value_or(begin);
    const Instant end = clock_.now().instant;
    const std::scoped_lock lock(mutex_);
    ++stats_.allocation_runs;
    stats_.allocation_ms.add(ms(end - begin));
    stats_.allocation_latency_ms.add(ms(begin - owed_since));
}

void CoreLoop::perform(Effects effects) {
    for (Effect& effect : effects) perform(effect);
}

void CoreLoop::perform(Effect& effect) {
    std::visit(
        Overloaded{
            [this](SendToScheduler& send) {
                outlets_.send_to_scheduler(send.stream, std::move(send.event));
            },
            [this](CloseScheduler& close) { outlets_.close_scheduler(close.stream); },
            [this](SendToAgent& send) { outlets_.send_to_agent(send.link, std::move(send.frame)); },
            [this](CloseAgentLink& close) { outlets_.close_agent_link(close.link); },
            [this](PersistWrites& persist) {
                tokens_.push_back(persist.token);
                for (RegistryWrite& write : persist.writes)
                    writes_.push_back({std::move(write.key), std::move(write.value)});
            },
            [this](AnswerRequest& answer) {
                auto request = requests_.extract(answer.request);
                if (request) request.mapped()(std::move(answer.result));
            },
            [this](EndMaster& end) {
                {
                    const std::scoped_lock lock(mutex_);
                    if (std::exchange(failed_, true)) return;
                }
                outlets_.must_end(Error{Errc::unavailable, std::move(end.why)});
            },
            [this](LogLine& line) { outlets_.log(line.severity, line.text); },
        },
        effect);
}

void CoreLoop::commit() {
    if (tokens_.empty()) return;
    const Instant begin = clock_.now().instant;
    auto tokens = std::exchange(tokens_, {});
    auto done = [this, begin, tokens = std::move(tokens)](Result<void> result) {
        if (!result) {
            {
                const std::scoped_lock lock(mutex_);
                if (std::exchange(failed_, true)) return;  // One of several commits that failed.
            }
            outlets_.store_failed(result.error());
            return;
        }
        const double ms = seconds(clock_.now().instant - begin) * 1000;
        {
            const std::scoped_lock lock(mutex_);
            ++stats_.commits;
            --stats_.commits_waiting;
            stats_.store_ms.add(ms);
        }
        for (const PersistToken token : tokens) post(WritesPersisted{token});
    };
    {
        const std::scoped_lock lock(mutex_);
        ++stats_.commits_waiting;
    }
    store_->commit(std::exchange(writes_, {}), std::move(done));
}

void CoreLoop::end_batch() {
    recovered_.store(core_->recovered(), std::memory_order_release);
    outlets_.batch_ended(core_->state(), changes_);
    core_->publish_events(outlets_.publish(core_->take_published()));
    if (failed()) return;
    Instant due = core_->next_deadline();
    if (core_->owes_offers()) due = std::min(due, offers_due_);
    thread_.wake_at(due, clock_.now().instant);
}

}  // namespace tepui::master
