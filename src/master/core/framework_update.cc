#include "master/core/framework_update.h"

#include <set>

#include "master/core/offer_wishes.h"
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

FrameworkRules framework_rules(const CoreConfig& config) {
    return {.root_submissions = config.root_submissions,
            .roles = config.roles,
            .regex = {.memory_bytes_max = config.constraint_regex_max_bytes,
                      .program_size_max = config.constraint_regex_max_program}};
}

allocator::Client client_of(const Framework& framework, const CoreConfig& config) {
    allocator::Client client{.framework = framework.id,
                             .roles = framework.roles,
                             .suppressed_roles = framework.suppressed_roles,
                             .capabilities = framework.capabilities};
    // Only an info that an older master admitted can be wrong here: it has no such wishes then.
    if (auto constraints = parse_offer_constraints(*framework.info, framework.offer_constraints,
                                                   framework_rules(config).regex)) {
        client.constraints = std::move(*constraints);
    }
    if (auto filters = parse_offer_filters(*framework.info)) {
        client.min_allocatable = std::move(*filters);
    }
    return client;
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
    *subscribe.mutable_offer_constraints() = update.offer_constraints();
    TEPUI_CHECK_OK(validate_framework(subscribe, framework_rules(state.config)));
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
    turn.state.allocator->update_framework(client_of(framework, turn.state.config));
    update_agents(turn, framework);
    turn.changed(framework.id);
    publish_framework_updated(turn, framework);
}

}  // namespace tepui::master
