#include "master/snapshot/snapshot.h"

namespace tepui::master {
namespace {

/// "a/b/c", "a/b", "a".
template <typename Visit>
void visit_role_and_ancestors(std::string role, Visit visit) {
    for (;;) {
        visit(role);
        const std::size_t slash = role.rfind('/');
        if (slash == std::string::npos) return;
        role.resize(slash);
    }
}

void add_to(Quantities& sum, const Quantities& part) {
    for (const auto& [name, quantity] : part) sum[name] += quantity;
}

void add_agent(Totals& totals, const AgentItem& agent) {
    totals.total += agent.total;
    const auto add_shares = [&](const std::map<FrameworkId, Resources>& parts, bool used) {
        for (const auto& [framework, resources] : parts) {
            Totals::Share& share = totals.frameworks[framework];
            (used ? share.used : share.offered) += resources;
            share.agents.insert(agent.id);
            if (used) totals.used += resources;
            for (const auto& [role, part] : resources.by_allocation_role()) {
                const Quantities quantities = quantities_of(part.to_proto());
                const Quantities unreserved =
                    quantities_of(part.unreserved().nonrevocable().to_proto());
                visit_role_and_ancestors(role, [&](const std::string& name) {
                    Totals::RoleShare& of_role = totals.roles[name];
                    add_to(used ? of_role.allocated : of_role.offered, quantities);
                    if (used) add_to(of_role.consumed, unreserved);
                    add_to(of_role.held, unreserved);
                });
            }
        }
    };
    add_shares(agent.used, true);
    add_shares(agent.offered, false);
    for (const std::string& reserved : agent.total.reserved_roles()) {
        const Quantities quantities = quantities_of(agent.total.reserved_for(reserved).to_proto());
        visit_role_and_ancestors(reserved, [&](const std::string& name) {
            add_to(totals.roles[name].reserved, quantities);
            add_to(totals.roles[name].consumed, quantities);
            add_to(totals.roles[name].held, quantities);
        });
    }
    for (const auto& executor : agent.executors)
        totals.executors[executor->framework].push_back(executor);
}

Totals make_totals(const Snapshot& snapshot) {
    Totals totals;
    snapshot.agents.for_each([&](const AgentId&, const auto& agent) { add_agent(totals, *agent); });
    snapshot.frameworks.for_each([&](const FrameworkId& id, const auto& framework) {
        const auto add = [&](const std::string& role) { totals.roles[role].frameworks.insert(id); };
        if (framework->has_capability(mesos::v1::FrameworkInfo::Capability::MULTI_ROLE)) {
            for (const std::string& role : framework->info->roles())
                visit_role_and_ancestors(role, add);
        } else {
#pragma clang diagnostic push
#pragma clang diagnostic ignored "-Wdeprecated-declarations"  // Frameworks of before MULTI_ROLE.
            visit_role_and_ancestors(framework->info->role(), add);
#pragma clang diagnostic pop
        }
    });
    const auto list = [&](const std::string& role) { totals.roles[role]; };
    for (const auto& [role, weight] : *snapshot.weights) visit_role_and_ancestors(role, list);
    for (const auto& [role, quota] : *snapshot.quotas) list(role);
    return totals;
}

}  // namespace

Quantities quantities_of(const ResourceList& resources) {
    Quantities quantities;
    for (const auto& resource : resources) {
        Quantity amount;
        if (resource.type() == mesos::v1::Value::SCALAR) {
            amount = Quantity::from_double(resource.scalar().value());
        } else if (resource.type() == mesos::v1::Value::RANGES) {
            for (const auto& range : resource.ranges().range())
                amount +=
                    Quantity::from_double(static_cast<double>(range.end() - range.begin() + 1));
        } else {
            continue;
        }
        if (amount > Quantity{}) quantities[resource.name()] += amount;
    }
    return quantities;
}

double Snapshot::weight_of(const std::string& role) const {
    const auto it = weights->find(role);
    return it == weights->end() ? 1 : it->second;
}

const allocator::Quota& Snapshot::quota_of(const std::string& role) const {
    static const allocator::Quota none;
    const auto it = quotas->find(role);
    return it == quotas->end() ? none : it->second;
}

const Totals& Snapshot::totals() const {
    std::call_once(cache_->totals_once, [this] { cache_->totals = make_totals(*this); });
    return cache_->totals;
}

std::shared_ptr<const std::string> Snapshot::body(
    const std::string& name, const std::function<std::string()>& render) const {
    std::shared_ptr<Body> body;
    {
        const std::scoped_lock lock(cache_->mutex);
        auto& slot = cache_->bodies[name];
        if (!slot) slot = std::make_shared<Body>();
        body = slot;
    }
    std::call_once(body->once, [&] { body->text = std::make_shared<const std::string>(render()); });
    return body->text;
}

void Snapshot::visit_tasks(const TaskMap& tasks, const FrameworkId& framework,
                           const std::function<void(const TaskItem&)>& visit) {
    tasks.for_each_from(TaskKey{framework, TaskId{}}, [&](const TaskKey& key, const auto& task) {
        if (key.first != framework) return false;
        visit(*task);
        return true;
    });
}

void Snapshot::visit_offers(const FrameworkId& framework,
                            const std::function<void(const OfferItem&)>& visit) const {
    offers.for_each_from(OfferKey{framework, OfferId{}},
                         [&](const OfferKey& key, const auto& offer) {
                             if (key.first != framework) return false;
                             visit(*offer);
                             return true;
                         });
}

void Snapshot::visit_all_tasks(
    const std::function<void(const std::shared_ptr<const TaskItem>&)>& visit) const {
    const auto visit_one = [&](const TaskKey&, const auto& task) { visit(task); };
    tasks.for_each(visit_one);
    unreachable_tasks.for_each(visit_one);
    frameworks.for_each([&](const FrameworkId&, const auto& framework) {
        for (const auto& task : *framework->completed_tasks) visit(task);
    });
    for (const auto& framework : *completed_frameworks) {
        for (const auto& task : *framework->unreachable_tasks) visit(task);
        for (const auto& task : *framework->completed_tasks) visit(task);
    }
}

}  // namespace tepui::master
