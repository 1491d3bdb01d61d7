#include "master/snapshot/operation_views.h"

#include <algorithm>
#include <cctype>

namespace tepui::master {
namespace {

using Operation = mesos::v1::Offer::Operation;

constexpr Operation::Type counted_types[] = {Operation::RESERVE,     Operation::UNRESERVE,
                                             Operation::CREATE,      Operation::DESTROY,
                                             Operation::GROW_VOLUME, Operation::SHRINK_VOLUME,
                                             Operation::CREATE_DISK, Operation::DESTROY_DISK};
constexpr mesos::v1::OperationState counted_states[] = {
    mesos::v1::OPERATION_PENDING,     mesos::v1::OPERATION_RECOVERING,
    mesos::v1::OPERATION_UNREACHABLE, mesos::v1::OPERATION_FINISHED,
    mesos::v1::OPERATION_FAILED,      mesos::v1::OPERATION_ERROR,
    mesos::v1::OPERATION_DROPPED,     mesos::v1::OPERATION_GONE_BY_OPERATOR};

std::string lower(std::string text) {
    std::ranges::transform(text, text.begin(), [](unsigned char c) { return std::tolower(c); });
    return text;
}

std::string name_of(mesos::v1::OperationState state) {
    return lower(mesos::v1::OperationState_Name(state))
        .substr(std::string_view("operation_").size());
}

}  // namespace

mesos::v1::master::Response get_operations(const Snapshot& snapshot) {
    mesos::v1::master::Response response;
    response.set_type(mesos::v1::master::Response::GET_OPERATIONS);
    auto* operations = response.mutable_get_operations();
    snapshot.agents.for_each([&](const AgentId&, const auto& agent) {
        for (const auto& operation : agent->operations) *operations->add_operations() = *operation;
    });
    return response;
}

void add_operation_metrics(std::map<std::string, double>& metrics, const Snapshot& snapshot) {
    const std::string prefix = "master/operations/";
    metrics[prefix + "total"] = 0;
    for (const auto state : counted_states) metrics[prefix + name_of(state)] = 0;
    for (const auto type : counted_types) {
        const std::string of_type = prefix + lower(Operation::Type_Name(type)) + "/";
        metrics[of_type + "total"] = 0;
        for (const auto state : counted_states) metrics[of_type + name_of(state)] = 0;
    }
    snapshot.agents.for_each([&](const AgentId&, const auto& agent) {
        for (const auto& operation : agent->operations) {
            const std::string state = name_of(operation->latest_status().state());
            const std::string of_type =
                prefix + lower(Operation::Type_Name(operation->info().type())) + "/";
            metrics[prefix + "total"] += 1;
            metrics[of_type + "total"] += 1;
            // Agents may say what this master does not know.
            if (const auto it = metrics.find(prefix + state); it != metrics.end()) {
                it->second += 1;
                metrics[of_type + state] += 1;
            }
        }
    });
}

}  // namespace tepui::master
