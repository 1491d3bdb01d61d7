#pragma once

#include <optional>
#include <string>
#include <vector>

#include <google/protobuf/io/coded_stream.h>

#include "master/core/fuzz_input_testing.h"
#include "master/core/fuzz_world_testing.h"

namespace tepui::master::testing {

/// What schedulers and agents may say, made of a fuzzer's choices. References mostly hit what there
/// is in the world; now and then they are of nothing, or malformed.
class FuzzMessages {
public:
    using Call = mesos::v1::scheduler::Call;

    FuzzMessages(FuzzInput& input, const FuzzWorld& world) : in_(input), world_(world) {}

    FrameworkId framework();
    AgentId agent();
    TaskId task();
    std::optional<mesos::v1::KillPolicy> kill_policy();
    Duration span();
    std::vector<mesos::v1::WeightInfo> weights();
    std::vector<mesos::v1::quota::QuotaConfig> quotas();
    std::optional<std::set<std::string>> whitelist();
    std::vector<mesos::v1::MachineID> machines();
    mesos::v1::maintenance::Schedule schedule();
    mesos::v1::DrainConfig drain_config();

    /// What an operator may ask of the agent.
    mesos::v1::Offer::Operation operation_on(const AgentId& agent);

    Call subscribe();
    /// A call in the name of some framework, of the kind that the first choice says.
    Call call();
    /// Any bytes that are a call; ids of one character stand for known ones.
    Call raw_call();
    /// The stream of the call's framework; now and then another, or none.
    std::optional<StreamId> stream(const Call& call);

    link::ToMaster register_agent();
    link::ToMaster reregister_agent();
    /// Another frame in the name of some agent.
    link::ToMaster frame();
    link::ToMaster raw_frame();
    /// The agent's own link; now and then another.
    LinkId link(const link::ToMaster& frame, FuzzWorld& world);

private:
    std::string name(const char* kind);
    OfferId offer();
    ExecutorId executor();
    double number();
    const char* role();
    ResourceList resources();
    mesos::v1::FrameworkInfo framework_info();
    mesos::v1::AgentInfo agent_info();
    mesos::v1::CommandInfo command();
    mesos::v1::ExecutorInfo executor_info();
    mesos::v1::TaskInfo task_info(const AgentId& agent);
    mesos::v1::TaskStatus status(const AgentId& agent, const TaskId& task);
    void fill_accept(Call& call);
    void fill_launch(mesos::v1::Offer::Operation& operation, const AgentId& agent);
    mesos::v1::Offer::Operation operation(const Resources& there);
    void fill_operation(mesos::v1::Offer::Operation& operation, const OfferId& offer);
    void fill_operation_update(link::ToMaster& frame, const AgentId& agent);
    ResourceList checkpointed(const AgentId& agent);
    void add_reported_operations(link::ReregisterAgent& reregister, const AgentId& agent);
    void fill_decline(Call& call);
    void fill_inverse_answer(Call& call);
    mesos::v1::MachineID machine();
    void fill_acknowledge(Call& call);
    void fill_reconcile(Call& call);
    void fill_other(Call& call);
    void fill_status_update(link::ToMaster& frame, const AgentId& agent);
    void add_reported(link::ReregisterAgent& reregister, const AgentId& agent);
    /// Puts known ids in place of those of one character, at any depth.
    void resolve(google::protobuf::Message& message, int depth = 0);
    /// Now and then merges any bytes into the message, if they are its kind.
    template <typename Message>
    void twist(Message& message) {
        if (!in_.rarely()) return;
        const std::string bytes = in_.bytes();
        google::protobuf::io::CodedInputStream stream(
            reinterpret_cast<const std::uint8_t*>(bytes.data()), static_cast<int>(bytes.size()));
        Message twisted = message;
        if (!twisted.MergePartialFromCodedStream(&stream) || !twisted.IsInitialized()) return;
        message = std::move(twisted);
        resolve(message);
    }

    FuzzInput& in_;
    const FuzzWorld& world_;
};

}  // namespace tepui::master::testing
