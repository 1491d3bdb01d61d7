// The part of RunCore that deals with offers and tasks.
#include <algorithm>

#include <fmt/core.h>

#include "base/assert.h"
#include "cli/run/core.h"
#include "cli/run/exit_status.h"
#include "resources/task_state.h"

namespace tepui::cli {

namespace {

using mesos::v1::scheduler::Call;
using mesos::v1::scheduler::Event;

/// What an offer left over is refused for. A filter ends early for offers that hold more than the
/// refused one, so a long one loses nothing.
constexpr double refuse_seconds = 3600;
constexpr unsigned attempts_max = 5;  // Of launches that the cluster dropped before they began.

std::string address_of(const mesos::v1::Offer& offer) {
    constexpr int usual_port = 5051;
    if (!offer.has_url()) return fmt::format("{}:{}", offer.hostname(), usual_port);
    const auto& address = offer.url().address();
    return fmt::format("{}:{}", address.ip().empty() ? address.hostname() : address.ip(),
                       address.port());
}

/// Whether a state means that the task never began to run.
bool never_began(const mesos::v1::TaskStatus& status) {
    return status.state() == mesos::v1::TASK_DROPPED ||
           (status.state() == mesos::v1::TASK_LOST &&
            status.reason() == mesos::v1::TaskStatus::REASON_INVALID_OFFERS);
}

}  // namespace

void RunCore::on_offers(const Event::Offers& offers, Instant) {
    const std::vector<mesos::v1::Offer> list(offers.offers().begin(), offers.offers().end());
    offers_seen_ += list.size();
    const Match matched = match(list, spec_.needs, killing_code_ ? 0 : count(Phase::pending));
    for (const Placement& placement : matched.placements) launch(list[placement.offer], placement);
    std::vector<std::string> unused;
    for (const std::size_t index : matched.unused) unused.push_back(list[index].id().value());
    if (!unused.empty()) decline(unused);
    nearest_miss_ = matched.nearest;
    if (count(Phase::pending) == 0 && !suppressed_) {
        suppressed_ = true;
        Call suppress = call(Call::SUPPRESS);
        suppress.mutable_suppress()->add_roles(spec_.role);
        effects_.push_back(SendCall{std::move(suppress)});
    }
}

void RunCore::launch(const mesos::v1::Offer& offer, const Placement& placement) {
    Call accept = call(Call::ACCEPT);
    accept.mutable_accept()->add_offer_ids()->set_value(offer.id().value());
    accept.mutable_accept()->mutable_filters()->set_refuse_seconds(refuse_seconds);
    auto* operation = accept.mutable_accept()->add_operations();
    operation->set_type(mesos::v1::Offer::Operation::LAUNCH);
    for (const auto& resources : placement.instances) {
        const auto pending =
            std::find_if(instances_.begin(), instances_.end(),
                         [](const Instance& instance) { return instance.phase == Phase::pending; });
        TEPUI_ASSERT(pending != instances_.end());
        const auto index = static_cast<std::size_t>(pending - instances_.begin());
        pending->phase = Phase::launched;
        pending->agent = AgentId{offer.agent_id().value()};
        pending->agent_address = address_of(offer);
        // A second attempt is another task: its id has never been used before.
        pending->task = TaskId{pending->attempts == 0
                                   ? fmt::format("{}.{}", spec_.id, index)
                                   : fmt::format("{}.{}-{}", spec_.id, index, pending->attempts)};
        ++pending->attempts;
        auto* task = operation->mutable_launch()->add_task_infos();
        task->set_name(spec_.name);
        task->mutable_task_id()->set_value(pending->task.value);
        task->mutable_agent_id()->set_value(offer.agent_id().value());
        *task->mutable_command() = spec_.command;
        if (spec_.container) *task->mutable_container() = *spec_.container;
        if (spec_.health_check) *task->mutable_health_check() = *spec_.health_check;
        *task->mutable_resources() = resources;
    }
    effects_.push_back(SendCall{std::move(accept)});
}

void RunCore::decline(const std::vector<std::string>& offer_ids) {
    Call message = call(Call::DECLINE);
    for (const std::string& id : offer_ids) {
        message.mutable_decline()->add_offer_ids()->set_value(id);
    }
    message.mutable_decline()->mutable_filters()->set_refuse_seconds(refuse_seconds);
    effects_.push_back(SendCall{std::move(message)});
}

void RunCore::on_update(const mesos::v1::TaskStatus& status, Instant now) {
    if (!status.uuid().empty()) acknowledge(status);
    Instance* instance = find(status.task_id().value());
    if (instance == nullptr || instance->phase == Phase::done) return;
    if (is_terminal(status.state())) {
        if (!relaunch(*instance, status)) end_instance(*instance, status);
        return;
    }
    switch (status.state()) {
        case mesos::v1::TASK_UNREACHABLE:
            effects_.push_back(Note{
                fmt::format("task {}: its agent is out of reach; waiting for it", instance->task)});
            return;
        case mesos::v1::TASK_UNKNOWN: {
            // The answer to a RECONCILE: the cluster has never heard of it or has forgotten it.
            mesos::v1::TaskStatus gone = status;
            gone.set_state(instance->followed ? mesos::v1::TASK_LOST : mesos::v1::TASK_DROPPED);
            if (!relaunch(*instance, gone)) end_instance(*instance, gone);
            return;
        }
        default: break;
    }
    const bool begun = status.state() != mesos::v1::TASK_STAGING;
    if (!begun) return;
    if (!instance->followed) {
        instance->followed = true;
        effects_.push_back(FollowLogs{static_cast<std::size_t>(instance - instances_.data()),
                                      instance->task, *framework_, instance->agent_address});
    }
    instance->phase = Phase::running;
    if (killing_code_ && kill_at_ <= now) send_kills(now);
}

bool RunCore::relaunch(Instance& instance, const mesos::v1::TaskStatus& status) {
    if (!never_began(status) || instance.followed || killing_code_) return false;
    if (instance.attempts >= attempts_max) return false;
    instance.phase = Phase::pending;
    effects_.push_back(Note{fmt::format("task {} was not started ({}); trying again", instance.task,
                                        status.message())});
    suppressed_ = false;
    Call revive = call(Call::REVIVE);
    revive.mutable_revive()->add_roles(spec_.role);
    effects_.push_back(SendCall{std::move(revive)});
    return true;
}

void RunCore::end_instance(Instance& instance, const mesos::v1::TaskStatus& status) {
    instance.phase = Phase::done;
    instance.code = exit_status(status);
    if (instance.followed) effects_.push_back(TaskEnded{instance.task});
    const bool says_it_itself = instances_.size() == 1 && status_in_message(status.message());
    if (instance.code == 0 || says_it_itself || killing_code_) return;
    effects_.push_back(Note{fmt::format("task {}: {}{}{}", instance.task,
                                        mesos::v1::TaskState_Name(status.state()),
                                        status.message().empty() ? "" : ": ", status.message())});
}

void RunCore::acknowledge(const mesos::v1::TaskStatus& status) {
    Call message = call(Call::ACKNOWLEDGE);
    auto* body = message.mutable_acknowledge();
    body->mutable_agent_id()->set_value(status.agent_id().value());
    body->mutable_task_id()->set_value(status.task_id().value());
    body->set_uuid(status.uuid());
    effects_.push_back(SendCall{std::move(message)});
}

}  // namespace tepui::cli
