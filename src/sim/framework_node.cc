#include "sim/framework_node.h"

#include <algorithm>
#include <utility>

#include <fmt/format.h>

#include "base/assert.h"
#include "resources/task_state.h"

namespace tepui::sim {

using mesos::v1::scheduler::Call;
using mesos::v1::scheduler::Event;

FrameworkNode::FrameworkNode(std::string name, Scenario scenario, Timeline& timeline,
                             Network& network, MasterNode& master, GroundTruth& truth)
    : name_(std::move(name)),
      scenario_(scenario),
      timeline_(timeline),
      network_(network),
      master_(master),
      truth_(truth),
      media_(timeline.chance(0.5) ? wire::Media::json : wire::Media::protobuf),
      demands_(timeline.chance(scenario.demand_share)) {}

void FrameworkNode::start() {
    TEPUI_ASSERT(!alive_);
    alive_ = true;
    ++life_;
    connect();
    housekeeping();
}

void FrameworkNode::crash() {
    alive_ = false;
    ++life_;
    stream_.reset();
    new_stream_.reset();
    if (channel_) std::exchange(channel_, nullptr)->abandon(Channel::Side::a);
}

void FrameworkNode::connect() {
    timeline_.after(timeline_.between(1ms, 1s), [this, life = life_] {
        if (life != life_ || channel_ || ended_) return;
        Call subscribe;
        subscribe.set_type(Call::SUBSCRIBE);
        auto& info = *subscribe.mutable_subscribe()->mutable_framework_info();
        info.set_user("root");
        info.set_name(name_);
        info.add_roles(name_);
        if (scenario_.sub_roles) info.add_roles(name_ + "/sub");
        info.add_capabilities()->set_type(mesos::v1::FrameworkInfo::Capability::MULTI_ROLE);
        info.add_capabilities()->set_type(
            mesos::v1::FrameworkInfo::Capability::RESERVATION_REFINEMENT);
        info.set_checkpoint(scenario_.checkpoint);
        info.set_failover_timeout(seconds(scenario_.failover_timeout));
        if (scenario_.partition_aware) {
            info.add_capabilities()->set_type(
                mesos::v1::FrameworkInfo::Capability::PARTITION_AWARE);
        }
        info.add_capabilities()->set_type(mesos::v1::FrameworkInfo::Capability::TASK_KILLING_STATE);
        if (demands_) {
            auto& least = *(*info.mutable_offer_filters())[name_]
                               .mutable_min_allocatable_resources()
                               ->add_quantities();
            (*least.mutable_quantities())["cpus"].set_value(1);
        }
        if (id_) {
            info.mutable_id()->set_value(id_->value);
            subscribe.mutable_framework_id()->set_value(id_->value);
        }
        channel_ = network_.connect(name_);
        channel_->on_message(Channel::Side::a) = [this, life](const std::string& bytes) {
            if (life == life_) on_record(bytes);
        };
        channel_->on_close(Channel::Side::a) = [this, life] {
            if (life == life_) lose_stream();
        };
        if (!master_.subscribe(channel_, media_, wire::encode(media_, subscribe))) lose_stream();
    });
}

void FrameworkNode::lose_stream() {
    stream_.reset();
    new_stream_.reset();
    if (channel_) std::exchange(channel_, nullptr)->abandon(Channel::Side::a);
    connect();
}

void FrameworkNode::on_record(const std::string& bytes) {
    if (!new_stream_ && !stream_) {
        new_stream_ = StreamId{bytes};
        return;
    }
    if (bytes.empty()) return lose_stream();
    Event event;
    TEPUI_ASSERT(wire::decode(media_, bytes, event).has_value());
    on_event(event);
}

void FrameworkNode::on_event(const Event& event) {
    switch (event.type()) {
        case Event::SUBSCRIBED:
            id_ = FrameworkId{event.subscribed().framework_id().value()};
            stream_ = new_stream_;
            reconcile();
            break;
        case Event::OFFERS: on_offers(event.offers()); break;
        case Event::INVERSE_OFFERS: answer(event.inverse_offers()); break;
        case Event::UPDATE: on_update(event.update().status()); break;
        case Event::UPDATE_OPERATION_STATUS:
            on_operation_status(event.update_operation_status().status());
            break;
        case Event::MESSAGE:  // Executors send what they were sent.
            if (event.message().data() == event.message().executor_id().value()) break;
            truth_.breach(fmt::format("{} was sent a message that is not its executor's", name_));
            break;
        case Event::ERROR:
            // Either a newer subscription of our own, or the framework's end.
            if (event.error().message() == "Framework has been removed") ended_ = true;
            break;
        default: break;
    }
}

void FrameworkNode::on_offers(const Event::Offers& offers) {
    for (const mesos::v1::Offer& offer : offers.offers()) {
        if (quiet_ || timeline_.chance(0.3)) {
            decline(offer);
        } else {
            // Thinking takes a while; the offer may be gone by then.
            timeline_.after(timeline_.between(0ms, 200ms), [this, life = life_, offer] {
                if (life == life_) accept(offer);
            });
        }
    }
}

void FrameworkNode::accept(const mesos::v1::Offer& offer) {
    if (!stream_ || !id_) return;
    Call call_accept;
    call_accept.set_type(Call::ACCEPT);
    auto& accept = *call_accept.mutable_accept();
    *accept.add_offer_ids() = offer.id();
    accept.mutable_filters()->set_refuse_seconds(timeline_.chance(0.5) ? 0 : 2);
    volume_ = add_operations(offer, accept);
    auto& operation = *accept.add_operations();
    double cpus = 0;
    double disk = 0;
    for (const auto& resource : offer.resources()) {
        if (resource.name() == "cpus") cpus += resource.scalar().value();
        if (resource.name() == "disk") disk += resource.scalar().value();
    }
    if (disk >= pod_disk_mb && timeline_.chance(scenario_.pod_share)) {
        add_pod(offer, cpus, operation);
    } else {
        add_tasks(offer, cpus, operation);
    }
    call(std::move(call_accept));
}

/// Some it does not answer at all.
void FrameworkNode::answer(const Event::InverseOffers& offers) {
    for (const mesos::v1::InverseOffer& offer : offers.inverse_offers()) {
        Call call_answer;
        if (timeline_.chance(0.4)) {
            call_answer.set_type(Call::ACCEPT_INVERSE_OFFERS);
            *call_answer.mutable_accept_inverse_offers()->add_inverse_offer_ids() = offer.id();
        } else if (timeline_.chance(0.7)) {
            call_answer.set_type(Call::DECLINE_INVERSE_OFFERS);
            auto& decline = *call_answer.mutable_decline_inverse_offers();
            *decline.add_inverse_offer_ids() = offer.id();
            decline.mutable_filters()->set_refuse_seconds(timeline_.chance(0.5) ? 0 : 10);
        } else {
            continue;
        }
        call(std::move(call_answer));
    }
}

void FrameworkNode::decline(const mesos::v1::Offer& offer) {
    Call call_decline;
    call_decline.set_type(Call::DECLINE);
    *call_decline.mutable_decline()->add_offer_ids() = offer.id();
    call_decline.mutable_decline()->mutable_filters()->set_refuse_seconds(
        timeline_.chance(0.5) ? 1 : 5);
    call(std::move(call_decline));
}

void FrameworkNode::on_update(const mesos::v1::TaskStatus& status) {
    const std::string& id = status.task_id().value();
    const auto it = tasks_.find(id);
    if (it == tasks_.end()) {
        truth_.breach(fmt::format("I3: {} was told of {}, which it never launched", name_, id));
        return;
    }
    // Tasks of a framework without checkpointing are lost with the connection of their agent, and
    // killed when it is back.
    if (scenario_.checkpoint) truth_.told({*id_, TaskId{id}}, status, scenario_.partition_aware);
    // An UNKNOWN task never runs again, unless it was on an agent that was removed, did not hear of
    // that and is let in again. What was terminal stays, but for TASK_LOST, which also says
    // "lost from sight" to frameworks without PARTITION_AWARE and to those whose tasks a lost
    // connection ends.
    const auto state =
        status.state() == mesos::v1::TASK_UNKNOWN ? mesos::v1::TASK_LOST : status.state();
    if (status.state() == mesos::v1::TASK_UNKNOWN) it->second.unknown = true;
    if (it->second.unknown && scenario_.checkpoint && state == mesos::v1::TASK_RUNNING &&
        !truth_.was_dismissed(AgentId{it->second.agent.value()}))
        truth_.breach(fmt::format("I5: {} was unknown and runs", id));
    if (!it->second.state || !is_terminal(*it->second.state) ||
        *it->second.state == mesos::v1::TASK_LOST || !scenario_.checkpoint) {
        it->second.state = state;
    }
    if (!status.has_uuid()) return;
    Call call_acknowledge;
    call_acknowledge.set_type(Call::ACKNOWLEDGE);
    auto& acknowledge = *call_acknowledge.mutable_acknowledge();
    *acknowledge.mutable_agent_id() = status.agent_id();
    *acknowledge.mutable_task_id() = status.task_id();
    acknowledge.set_uuid(status.uuid());
    timeline_.after(timeline_.between(0ms, 20ms), [this, life = life_, call_acknowledge] {
        if (life == life_) call(call_acknowledge);
    });
}

void FrameworkNode::reconcile() {
    Call call_reconcile;
    call_reconcile.set_type(Call::RECONCILE);
    auto& reconcile = *call_reconcile.mutable_reconcile();
    for (const auto& [id, task] : tasks_) {
        if (task.state && is_terminal(*task.state) && *task.state != mesos::v1::TASK_LOST &&
            scenario_.checkpoint)
            continue;
        auto& one = *reconcile.add_tasks();
        one.mutable_task_id()->set_value(id);
        *one.mutable_agent_id() = task.agent;
    }
    if (reconcile.tasks_size() > 0) call(std::move(call_reconcile));
}

/// What a scheduler does by the clock: reconciles, revives, now and then kills a task.
void FrameworkNode::housekeeping() {
    timeline_.after(timeline_.between(4s, 6s), [this, life = life_] {
        if (life != life_) return;
        if (stream_) {
            reconcile();
            if (timeline_.chance(0.3)) {
                Call revive;
                revive.set_type(Call::REVIVE);
                call(std::move(revive));
            }
            if (!quiet_) speak_to_executors();
            for (auto& [id, task] : tasks_) {
                if (quiet_ || !task.state || is_terminal(*task.state) || !timeline_.chance(0.15))
                    continue;
                Call call_kill;
                call_kill.set_type(Call::KILL);
                call_kill.mutable_kill()->mutable_task_id()->set_value(id);
                // Without it an unreachable task is answered TASK_UNKNOWN, as Mesos does.
                *call_kill.mutable_kill()->mutable_agent_id() = task.agent;
                truth_.kill_asked({*id_, TaskId{id}});
                call(std::move(call_kill));
            }
        }
        housekeeping();
    });
}

void FrameworkNode::call(Call call) {
    if (!stream_ || !id_) return;
    call.mutable_framework_id()->set_value(id_->value);
    // Calls go over a second connection, in order: master and scheduler promise order per pair, and
    // a RECONCILE that overtook its ACCEPT would rightly be answered TASK_GONE. A lost call is not
    // repeated here.
    last_arrival_ = std::max(last_arrival_, timeline_.now().instant + timeline_.between(50us, 5ms));
    timeline_.after(last_arrival_ - timeline_.now().instant,
                    [this, life = life_, stream = *stream_, bytes = wire::encode(media_, call)] {
                        const unsigned status = master_.call(media_, bytes, stream);
                        if (status != 202 && life == life_ && stream_ == stream) lose_stream();
                    });
}

std::set<TaskKey> FrameworkNode::tasks_that(bool (*wanted)(const Task&)) const {
    std::set<TaskKey> keys;
    if (!id_) return keys;
    for (const auto& [id, task] : tasks_) {
        if (wanted(task)) keys.emplace(*id_, TaskId{id});
    }
    return keys;
}

std::set<TaskKey> FrameworkNode::believed_running() const {
    return tasks_that([](const Task& task) { return task.state == mesos::v1::TASK_RUNNING; });
}

std::set<TaskKey> FrameworkNode::in_doubt() const {
    return tasks_that([](const Task& task) {
        return !task.state || (!is_terminal(*task.state) && *task.state != mesos::v1::TASK_RUNNING);
    });
}

AgentId FrameworkNode::agent_of(const TaskId& task) const {
    return AgentId{tasks_.at(task.value).agent.value()};
}

std::optional<mesos::v1::TaskState> FrameworkNode::state_of(const TaskId& task) const {
    const auto it = tasks_.find(task.value);
    return it == tasks_.end() ? std::nullopt : it->second.state;
}

std::string FrameworkNode::believed(const TaskId& task) const {
    const auto it = tasks_.find(task.value);
    return it == tasks_.end() || !it->second.state ? "none"
                                                   : mesos::v1::TaskState_Name(*it->second.state);
}

}  // namespace tepui::sim
