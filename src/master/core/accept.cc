#include "master/core/accept.h"

#include <set>

#include "base/assert.h"
#include "master/core/launch.h"
#include "master/core/ledger.h"
#include "master/core/offers.h"
#include "master/core/operation_apply.h"
#include "master/core/tasks.h"

namespace tepui::master {

namespace {

using mesos::v1::TaskInfo;
using mesos::v1::TaskStatus;
using Operation = mesos::v1::Offer::Operation;
using OfferIds = google::protobuf::RepeatedPtrField<mesos::v1::OfferID>;

// Whether the offers can be accepted together; the error is why not.
Result<void> judge_offers(const State& state, const Framework& framework, const OfferIds& ids) {
    if (ids.empty()) return fail(Errc::invalid_argument, "No offers specified");
    std::set<std::string> seen;
    const Offer* first = nullptr;
    for (const mesos::v1::OfferID& named : ids) {
        const OfferId id{named.value()};
        if (!seen.insert(id.value).second) {
            return fail(Errc::invalid_argument, "Duplicate offer {} in offer list", id);
        }
        if (!framework.offers.contains(id)) {
            return fail(Errc::invalid_argument, "Offer {} is no longer valid", id);
        }
        const Offer& offer = state.offers.at(id);
        if (first == nullptr) first = &offer;
        if (offer.agent != first->agent) {
            return fail(Errc::invalid_argument,
                        "Aggregated offers must be of one agent, but offer {} is of agent {} and "
                        "others of agent {}",
                        id, offer.agent, first->agent);
        }
        if (offer.role != first->role) {
            return fail(Errc::invalid_argument,
                        "Aggregated offers must be of one role, but offer {} is for role {} and "
                        "others for role {}",
                        id, offer.role, first->role);
        }
    }
    return {};
}

void refuse_all(Turn& turn, const Framework& framework,
                const mesos::v1::scheduler::Call::Accept& accept, const std::string& why) {
    const mesos::v1::TaskState state = lost_state(framework, mesos::v1::TASK_DROPPED);
    const std::string message = "Task launched with invalid offers: " + why;
    const auto refuse = [&](const TaskInfo& task) {
        refuse_task(turn, framework, task, state, TaskStatus::REASON_INVALID_OFFERS, message);
    };
    for (const Operation& operation : accept.operations()) {
        if (operation.type() == Operation::LAUNCH) {
            for (const TaskInfo& task : operation.launch().task_infos()) refuse(task);
        } else if (operation.type() == Operation::LAUNCH_GROUP) {
            for (const TaskInfo& task : operation.launch_group().task_group().tasks()) refuse(task);
        } else {
            refuse_operation(turn, framework, operation,
                             "Operation attempted with invalid offers: " + why);
        }
    }
}

void run_operation(Turn& turn, Pool& pool, Operation& operation) {
    if (operation.type() == Operation::LAUNCH) return run_launch(turn, pool, operation);
    if (operation.type() == Operation::LAUNCH_GROUP) {
        return run_launch_group(turn, pool, operation);
    }
    run_conversion(turn, pool, operation);
}

}  // namespace

void on_accept(Turn& turn, Framework& framework, mesos::v1::scheduler::Call::Accept accept) {
    if (const auto valid = judge_offers(turn.state, framework, accept.offer_ids()); !valid) {
        for (const mesos::v1::OfferID& named : accept.offer_ids()) {
            const OfferId id{named.value()};
            if (framework.offers.contains(id)) remove_offer(turn, id, /*rescind=*/false);
        }
        turn.log(Severity::info, "ACCEPT of framework {} with invalid offers: {}", framework.id,
                 valid.error().text);
        refuse_all(turn, framework, accept, valid.error().text);
        return;
    }
    const Offer& first = turn.state.offers.at(OfferId{accept.offer_ids(0).value()});
    Agent* agent = turn.find_agent(first.agent);
    TEPUI_ASSERT_WHY(agent != nullptr && agent->connected(),
                     "offers on an agent end when it disconnects");
    Pool pool{framework, *agent, first.role, {}};
    for (const mesos::v1::OfferID& named : accept.offer_ids()) {
        pool.remaining += take_offer(turn, OfferId{named.value()}).resources;
    }
    const Resources offered = pool.remaining;
    FrameworkTally& tally = framework.tally;
    if (accept.operations().empty()) {
        turn.count("messages_decline_offers");
        tally.offers_declined += accept.offer_ids_size();
    } else {
        tally.offers_accepted += accept.offer_ids_size();
    }
    for (Operation& operation : *accept.mutable_operations()) {
        tally.operations.add(operation.type());
        run_operation(turn, pool, operation);
    }
    // What operations made of the offers is not refused by leaving it: it is offered again at once.
    const Resources made = pool.remaining - offered;
    release_offered(turn, pool.agent, framework.id, made + pool.set_aside, std::nullopt);
    release_offered(turn, pool.agent, framework.id, pool.remaining - made,
                    refusal(accept.has_filters() ? &accept.filters() : nullptr));
}

}  // namespace tepui::master
