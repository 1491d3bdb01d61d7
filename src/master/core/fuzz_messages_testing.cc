#include "master/core/fuzz_messages_testing.h"

#include <limits>

namespace tepui::master::testing {

namespace {

using Capability = mesos::v1::FrameworkInfo::Capability;

const std::string odd_ids[] = {
    "", "nobody", ".", "..", "a/b", std::string(300, 'x'), "new\nline", std::string("\0", 1)};

const char* const agent_rooms[] = {
    "cpus:8;mem:1024;disk:1000;ports:[31000-31009];zones:{a,b}",
    "cpus:8;mem:1024",
    "cpus:2;mem:64;gpus:2",
    "cpus(ops):4;mem(ops):512;cpus:1",
    "ports:[1-5,7-9]",
    "",
};

const char* const needs[] = {
    "cpus:1;mem:128",
    "cpus:0.001;mem:1",
    "cpus:8;mem:1024",
    "cpus:0.5;ports:[31000-31003]",
    "ports:[31002-31006]",
    "cpus:1;zones:{a}",
    "gpus:1",
    "cpus:100",
    "cpus(ops):1",
    "disk:10;cpus:0.1",
    "",
};

const double numbers[] = {0,    1,    5,     3600,
                          -1,   1e-9, 0.1,   std::numeric_limits<double>::quiet_NaN(),
                          9e9,  1e18, 1e300, std::numeric_limits<double>::infinity(),
                          -1e18};

const char* const role_names[] = {"*", "ops", "ops/a", "web", "", "-bad", "a/../b"};

template <typename Map>
const auto& key_at(const Map& map, std::size_t index) {
    return std::next(map.begin(), static_cast<std::ptrdiff_t>(index % map.size()))->first;
}

}  // namespace

void FuzzMessages::resolve(google::protobuf::Message& message, int depth) {
    if (depth > 20) return;
    const auto* reflection = message.GetReflection();
    std::vector<const google::protobuf::FieldDescriptor*> fields;
    reflection->ListFields(message, &fields);
    const std::string& kind = message.GetDescriptor()->name();
    for (const auto* field : fields) {
        if (field->cpp_type() == google::protobuf::FieldDescriptor::CPPTYPE_MESSAGE) {
            const int count = field->is_repeated() ? reflection->FieldSize(message, field) : 0;
            for (int i = 0; i < count; ++i)
                resolve(*reflection->MutableRepeatedMessage(&message, field, i), depth + 1);
            if (!field->is_repeated())
                resolve(*reflection->MutableMessage(&message, field), depth + 1);
            continue;
        }
        if (field->is_repeated() || field->name() != "value" ||
            field->cpp_type() != google::protobuf::FieldDescriptor::CPPTYPE_STRING)
            continue;
        if (reflection->GetString(message, field).size() != 1) continue;
        const auto number = static_cast<std::uint8_t>(reflection->GetString(message, field)[0]);
        FuzzInput choice(&number, 1);
        FuzzMessages known(choice, world_);
        std::string id;
        if (kind == "FrameworkID") id = known.framework().value;
        if (kind == "AgentID") id = known.agent().value;
        if (kind == "OfferID") id = known.offer().value;
        if (kind == "TaskID") id = known.task().value;
        if (kind == "ExecutorID") id = known.executor().value;
        if (kind.ends_with("ID") && !id.empty()) reflection->SetString(&message, field, id);
    }
}

/// A few names for each kind, so that one comes again soon; or an odd one.
std::string FuzzMessages::name(const char* kind) {
    const std::uint8_t choice = in_.byte();
    if (choice >= 0xf0) return odd_ids[choice % std::size(odd_ids)];
    return fmt::format("{}{}", kind, choice % 6);
}

FrameworkId FuzzMessages::framework() {
    const std::uint8_t choice = in_.byte();
    const State& state = world_.state();
    if (choice >= 0xf0) return FrameworkId{odd_ids[choice % std::size(odd_ids)]};
    if (choice >= 0xe0 && !state.ended_order.empty())
        return state.ended_order[choice % state.ended_order.size()];
    if (state.frameworks.empty()) return FrameworkId{"nobody"};
    return key_at(state.frameworks, choice);
}

AgentId FuzzMessages::agent() {
    const std::uint8_t choice = in_.byte();
    const State& state = world_.state();
    if (choice >= 0xf0) return AgentId{odd_ids[choice % std::size(odd_ids)]};
    if (choice >= 0xe0 && !state.gone_agents.empty()) return key_at(state.gone_agents, choice);
    if (choice >= 0xc0 && !state.unreachable_agents.empty())
        return key_at(state.unreachable_agents, choice);
    if ((choice >= 0xa0 || state.agents.empty()) && !state.recovered_agents.empty())
        return key_at(state.recovered_agents, choice);
    if (state.agents.empty()) return AgentId{"nobody"};
    return key_at(state.agents, choice);
}

OfferId FuzzMessages::offer() {
    const std::uint8_t choice = in_.byte();
    const State& state = world_.state();
    if (choice >= 0xf0 || state.offers.empty())
        return OfferId{odd_ids[choice % std::size(odd_ids)]};
    return key_at(state.offers, choice);
}

TaskId FuzzMessages::task() { return TaskId{name("t")}; }
ExecutorId FuzzMessages::executor() { return ExecutorId{name("e")}; }

const char* FuzzMessages::role() { return in_.of(role_names); }
double FuzzMessages::number() { return in_.of(numbers); }

Duration FuzzMessages::span() {
    static constexpr Duration spans[] = {Duration::zero(),         std::chrono::milliseconds{1},
                                         std::chrono::seconds{1},  std::chrono::seconds{15},
                                         std::chrono::seconds{76}, std::chrono::minutes{10},
                                         std::chrono::hours{2},    std::chrono::hours{24 * 15}};
    return in_.of(spans);
}

std::vector<mesos::v1::WeightInfo> FuzzMessages::weights() {
    std::vector<mesos::v1::WeightInfo> infos(in_.below(3));
    for (mesos::v1::WeightInfo& info : infos) {
        info.set_role(role());
        info.set_weight(number());
    }
    return infos;
}

std::vector<mesos::v1::quota::QuotaConfig> FuzzMessages::quotas() {
    static constexpr const char* resource_names[] = {"cpus", "mem", "gpus", ""};
    std::vector<mesos::v1::quota::QuotaConfig> configs(in_.below(3));
    for (auto& config : configs) {
        config.set_role(role());
        for (std::size_t i = in_.below(3); i > 0; --i) {
            (*config.mutable_guarantees())[in_.of(resource_names)].set_value(number());
        }
        for (std::size_t i = in_.below(3); i > 0; --i) {
            (*config.mutable_limits())[in_.of(resource_names)].set_value(number());
        }
    }
    return configs;
}

std::optional<std::set<std::string>> FuzzMessages::whitelist() {
    if (in_.flag()) return std::nullopt;
    std::set<std::string> hostnames;
    for (std::size_t i = in_.below(3); i > 0; --i) hostnames.insert(name("node"));
    return hostnames;
}

std::optional<mesos::v1::KillPolicy> FuzzMessages::kill_policy() {
    if (!in_.rarely()) return std::nullopt;
    mesos::v1::KillPolicy policy;
    policy.mutable_grace_period()->set_nanoseconds(static_cast<std::int64_t>(in_.byte()) - 128);
    twist(policy);
    return policy;
}

ResourceList FuzzMessages::resources() {
    ResourceList list;
    if (auto parsed = Resources::parse_flag(in_.of(needs))) list = parsed->to_proto();
    if (!in_.rarely()) return list;
    mesos::v1::Resource& odd = list.empty() ? *list.Add() : *list.Mutable(0);
    switch (in_.below(6)) {
        case 0: odd.mutable_scalar()->set_value(number()); break;
        case 1: odd.mutable_allocation_info()->set_role(role()); break;
        case 2: odd.set_type(mesos::v1::Value::RANGES); break;
        case 3: odd.mutable_revocable(); break;
        case 4: odd.mutable_disk()->mutable_persistence()->set_id(name("v")); break;
        default: odd.set_name(in_.bytes()); break;
    }
    if (!odd.has_name()) odd.set_name("cpus");
    if (!odd.has_type()) odd.set_type(mesos::v1::Value::SCALAR);
    twist(odd);
    return list;
}

mesos::v1::FrameworkInfo FuzzMessages::framework_info() {
    mesos::v1::FrameworkInfo info;
    info.set_user("nobody");
    info.set_name("fuzz");
    const std::uint8_t kinds = in_.byte();
    if ((kinds & 1) == 0) info.add_capabilities()->set_type(Capability::MULTI_ROLE);
    if ((kinds & 2) == 0) info.add_capabilities()->set_type(Capability::PARTITION_AWARE);
    if ((kinds & 4) == 0) info.add_capabilities()->set_type(Capability::RESERVATION_REFINEMENT);
    if ((kinds & 8) == 0) info.add_capabilities()->set_type(Capability::GPU_RESOURCES);
    if ((kinds & 16) != 0) info.add_capabilities()->set_type(Capability::SHARED_RESOURCES);
    info.set_checkpoint((kinds & 32) == 0);
    if ((kinds & 1) == 0) {
        for (std::size_t i = 0, more = in_.below(3); i <= more; ++i) info.add_roles(role());
    } else {
        info.GetReflection()->SetString(&info, info.GetDescriptor()->FindFieldByName("role"),
                                        role());  // Deprecated, and still said.
    }
    info.set_failover_timeout((kinds & 64) == 0 ? 3600 : number());
    twist(info);
    return info;
}

mesos::v1::AgentInfo FuzzMessages::agent_info() {
    mesos::v1::AgentInfo info;
    info.set_hostname(name("node"));
    info.set_port(5051);
    if (auto parsed = Resources::parse_flag(in_.of(agent_rooms)))
        *info.mutable_resources() = parsed->to_proto();
    if (in_.rarely()) *info.mutable_resources() = resources();
    twist(info);
    return info;
}

mesos::v1::CommandInfo FuzzMessages::command() {
    mesos::v1::CommandInfo command;
    command.set_value("sleep 1000");
    twist(command);
    return command;
}

mesos::v1::ExecutorInfo FuzzMessages::executor_info() {
    mesos::v1::ExecutorInfo info;
    info.mutable_executor_id()->set_value(executor().value);
    if (in_.flag()) {
        info.set_type(mesos::v1::ExecutorInfo::DEFAULT);
    } else {
        *info.mutable_command() = command();
    }
    *info.mutable_resources() = resources();
    if (in_.rarely()) info.mutable_framework_id()->set_value(framework().value);
    twist(info);
    return info;
}

mesos::v1::TaskInfo FuzzMessages::task_info(const AgentId& agent) {
    mesos::v1::TaskInfo info;
    info.set_name("fuzz");
    info.mutable_task_id()->set_value(task().value);
    info.mutable_agent_id()->set_value(in_.rarely() ? this->agent().value : agent.value);
    *info.mutable_resources() = resources();
    switch (in_.below(4)) {
        case 0:
        case 1: *info.mutable_command() = command(); break;
        case 2: *info.mutable_executor() = executor_info(); break;
        default: break;  // Neither, as in a pod.
    }
    twist(info);
    return info;
}

mesos::v1::TaskStatus FuzzMessages::status(const AgentId& agent, const TaskId& task) {
    mesos::v1::TaskStatus status;
    status.mutable_task_id()->set_value(task.value);
    status.mutable_agent_id()->set_value(agent.value);
    const int state = in_.byte() % (mesos::v1::TaskState_MAX + 1);
    status.set_state(mesos::v1::TaskState_IsValid(state) ? static_cast<mesos::v1::TaskState>(state)
                                                         : mesos::v1::TASK_RUNNING);
    status.set_source(mesos::v1::TaskStatus::SOURCE_EXECUTOR);
    status.set_timestamp(in_.rarely() ? number() : world_.now().wall.seconds());
    if (!in_.rarely()) status.set_uuid(std::string(16, static_cast<char>('a' + in_.below(8))));
    if (in_.rarely()) status.set_uuid(in_.bytes());
    twist(status);
    return status;
}

}  // namespace tepui::master::testing
