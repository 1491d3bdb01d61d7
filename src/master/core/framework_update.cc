#include "master/core/framework_update.h"

#include <set>

#include "master/core/offers.h"
#include "master/core/publish.h"
#include "master/core/registry_codec.h"
#include "master/core/validation.h"

namespace tepui::master {

namespace {

using Capability = mesos::v1::FrameworkInfo::Capability;
using UpdateFramework = mesos::v1::scheduler::Call::UpdateFramework;

}  // namespace

void read_framework_info(Framework& framework, mesos::v1::FrameworkInfo info) {
    framework.roles = framework_roles(info);
    framework.capabilities = {
        .multi_role = has_capability(info, Capability::MULTI_ROLE),
        .gpu_resources = has_capability(info, Capability::GPU_RESOURCES),
        .revocable_resources = has_capability(info, Capability::REVOCABLE_RESOURCES),
        .shared_resources = has_capability(info, Capability::SHARED_RESOURCES),
        .region_aware = has_capability(info, Capability::REGION_AWARE),
        .reservation_refinement = has_capability(info, Capability::RESERVATION_REFINEMENT),
    };
    framework.partition_aware = has_capability(info, Capability::PARTITION_AWARE);
    framework.info = std::make_shared<mesos::v1::FrameworkInfo>(std::move(info));
}

allocator::Client client_of(const Framework& framework) {
    return {framework.id, framework.roles, framework.suppressed_roles, framework.capabilities};
}

void update_agents(Turn& turn, const Framework& framework) {
    std::set<AgentId> agents;
    for (const auto& [id, task] : framework.tasks) agents.insert(task.agent);
    for (const auto& [id, agent] : turn.state.agents) {
        if (agent.executors.contains(framework.id)) agents.insert(id);
    }
    for (const AgentId& id : agents) {
        const Agent& agent = turn.state.agents.at(id);
        if (!agent.connected()) continue;  // It is told when it registers again.
        link::ToAgent frame;
        *frame.mutable_update_framework()->mutable_framework() = *framework.info;
        turn.send(agent, std::move(frame));
    }
}

Result<void> judge_framework_update(const State& state, const Framework& framework,
                                    const UpdateFramework& update) {
    const mesos::v1::FrameworkInfo& info = update.framework_info();
    mesos::v1::scheduler::Call::Subscribe subscribe;
    *subscribe.mutable_framework_info() = info;
    *subscribe.mutable_suppressed_roles() = update.suppressed_roles();
    TEPUI_CHECK_OK(
        validate_framework(subscribe, {.root_submissions = state.config.root_submissions}));
    const auto fixed = [](std::string_view field) {
        return fail(Errc::invalid_argument, "Updating 'FrameworkInfo.{}' is not possible", field);
    };
    if (info.principal() != framework.info->principal()) return fixed("principal");
    if (info.user() != framework.info->user()) return fixed("user");
    if (info.checkpoint() != framework.info->checkpoint()) return fixed("checkpoint");
    return {};
}

void on_update_framework(Turn& turn, Framework& framework, UpdateFramework update) {
    turn.persist({{framework_key(framework.id),
                   encode_connected(update.framework_info(), framework.registered_at)}},
                 NothingWaits{});
    read_framework_info(framework, std::move(*update.mutable_framework_info()));
    framework.suppressed_roles = {update.suppressed_roles().begin(),
                                  update.suppressed_roles().end()};
    framework.offer_constraints = std::move(*update.mutable_offer_constraints());
    const std::set<OfferId> offers = framework.offers;
    for (const OfferId& id : offers) {
        if (!framework.roles.contains(turn.state.offers.at(id).role)) {
            remove_offer(turn, id, /*rescind=*/true);
        }
    }
    turn.state.allocator->update_framework(client_of(framework));
    update_agents(turn, framework);
    turn.changed(framework.id);
    publish_framework_updated(turn, framework);
}

}  // namespace tepui::master
