#include "agent/core/operations.h"

#include <algorithm>
#include <utility>

#include "agent/core/checkpoint.h"
#include "agent/core/task_limits.h"
#include "agent/core/volumes.h"
#include "resources/conversion.h"

namespace tepui::agent {
namespace {

namespace v1 = mesos::v1;
using Type = v1::Offer::Operation;

constexpr std::size_t uuid_bytes = 16;
// The master acknowledges what it has stored or told; a repeat of one that long ago is a fault.
constexpr std::size_t settled_max = 1000;

TimerKey retry_timer(const std::string& uuid) { return {TimerKind::operation, uuid}; }

bool is_over(const OperationRun& run) {
    return run.operation.latest_status().state() != v1::OPERATION_PENDING;
}

/// In the form with `reservations`, whatever the operation has.
ResourceList uniform(const ResourceList& list) {
    const auto resources = Resources::parse(list);
    return resources ? resources->unallocated().to_proto() : ResourceList{};
}

/// Volumes whose places are made, or emptied, by an operation.
ResourceList made_by(const Type& operation) {
    return operation.type() == Type::CREATE ? uniform(operation.create().volumes())
                                            : ResourceList{};
}
ResourceList removed_by(const Type& operation) {
    return operation.type() == Type::DESTROY ? uniform(operation.destroy().volumes())
                                             : ResourceList{};
}

Result<void> check_unused(const State& state, const Type& operation) {
    for (const v1::Resource& volume : removed_by(operation)) {
        if (!is_in_use(state, volume_path(state.config.work_dir, volume))) continue;
        return fail(Errc::conflict, "volume '{}' is used by a task on the agent",
                    volume.disk().persistence().id());
    }
    return {};
}

/// A volume of the same place on another disk would share its directory; two ids never do.
Result<void> check_places(const State& state, const Type& operation, const Resources& kept) {
    std::set<std::string> places;
    for (const v1::Resource& volume : kept.persistent_volumes().to_proto()) {
        const std::string place = volume_path(state.config.work_dir, volume);
        if (places.insert(place).second) continue;
        return fail(Errc::conflict, "{}: another volume is at '{}' already",
                    Type::Type_Name(operation.type()), place);
    }
    return {};
}

/// What the agent keeps after the operation.
Result<Resources> apply(const State& state, const Type& operation) {
    const Conversion conversion = TEPUI_TRY(conversion_of(operation));
    TEPUI_CHECK_OK(check_unused(state, operation));
    const Conversion plain{conversion.consumed.unallocated(), conversion.converted.unallocated()};
    const Resources total = TEPUI_TRY(convert(total_resources(state), plain));
    Resources kept = checkpointed_part(total);
    TEPUI_CHECK_OK(check_places(state, operation, kept));
    if (kept_write(kept).value->size() > task_bytes_max) {
        return fail(
            Errc::conflict,
            "the agent keeps so many reservations and volumes that it can't store one more");
    }
    return kept;
}

/// What it keeps when what the operation did is taken back.
Result<Resources> take_back(const State& state, const Type& operation) {
    const Conversion done = TEPUI_TRY(conversion_of(operation));
    const Conversion back{done.converted.unallocated(), done.consumed.unallocated()};
    const Resources total = TEPUI_TRY(convert(total_resources(state), back));
    return checkpointed_part(total);
}

void end_operation(Context& context, OperationRun& run, v1::OperationState end,
                   const std::string& message) {
    State& state = context.state;
    v1::OperationStatus& status = *run.operation.mutable_latest_status();
    status.set_state(end);
    if (!message.empty()) status.set_message(message);
    if (run.operation.info().has_id()) *status.mutable_operation_id() = run.operation.info().id();
    if (state.id) status.mutable_agent_id()->set_value(state.id->value);
    status.mutable_uuid()->set_value(state.prng.uuid_bytes());
    if (end == v1::OPERATION_FINISHED) {
        if (const auto conversion = conversion_of(run.operation.info())) {
            *status.mutable_converted_resources() = conversion->converted.to_proto();
        }
    } else {
        state.kept_uncertain = true;
        context.log(Severity::warning, "operation {} ({}) failed: {}",
                    uuid_to_text(run.operation.uuid().value()),
                    Type::Type_Name(run.operation.info().type()), message);
    }
    *run.operation.add_statuses() = status;
}

/// Stores the operation as it stands, and what is kept with it.
void store(Context& context, OperationRun& run) {
    run.durable = false;
    write_checkpoint(context, {kept_write(context.state.kept), operation_write(run)},
                     {OperationAfter{run.operation.uuid().value(),
                                     std::make_shared<const Resources>(context.state.kept)}});
}

void tell_kept(Context& context) {
    link::ToMaster frame;
    *frame.mutable_checkpointed_resources()->mutable_resources() =
        context.state.kept_durable.to_proto();
    send_to_master(context, std::move(frame));
}

void tell_end(Context& context, OperationRun& run) {
    State& state = context.state;
    if (state.registration.phase != RegistrationPhase::registered) return;
    if (!run.durable || !is_over(run) || run.silent) return;
    const bool first = run.retry_delay == Duration::zero();
    if (first) {
        run.retry_delay = state.config.update_retry_min;
    }
    link::ToMaster frame;
    link::OperationUpdate& update = *frame.mutable_operation_update();
    if (run.operation.has_framework_id()) {
        *update.mutable_framework_id() = run.operation.framework_id();
    }
    *update.mutable_status() = run.operation.latest_status();
    update.set_operation_uuid(run.operation.uuid().value());
    send_to_master(context, std::move(frame));
    // After the end: to what is kept the master adds what it believes to be under way.
    if (first && state.kept_uncertain) tell_kept(context);
    state.timers.set(retry_timer(run.operation.uuid().value()),
                     context.now.instant + run.retry_delay);
    run.retry_delay = std::min(run.retry_delay * 2, state.config.update_retry_max);
}

/// Removals that a crash could have left half done.
void tidy(Context& context) {
    std::set<std::string> removing;
    for (const auto& [uuid, run] : context.state.operations) {
        if (!is_over(run) && !removed_by(run.operation.info()).empty()) removing.insert(uuid);
    }
    context.effects.push_back(TidyVolumes{std::move(removing)});
}

void remove_volumes(Context& context, OperationRun& run) {
    const ResourceList volumes = removed_by(run.operation.info());
    run.changing += static_cast<std::size_t>(volumes.size());
    for (const v1::Resource& volume : volumes) {
        context.effects.push_back(RemoveVolume{run.operation.uuid().value(), volume});
    }
}

void make_volumes(Context& context, OperationRun& run, bool fresh) {
    const ResourceList volumes = made_by(run.operation.info());
    run.changing += static_cast<std::size_t>(volumes.size());
    for (const v1::Resource& volume : volumes) {
        context.effects.push_back(MakeVolume{run.operation.uuid().value(), volume, fresh});
    }
}

void forget(Context& context, const std::string& uuid) {
    State& state = context.state;
    state.timers.clear(retry_timer(uuid));
    state.operations.erase(uuid);
    state.settled_operations.push_back(uuid);
    while (state.settled_operations.size() > settled_max) state.settled_operations.pop_front();
    write_checkpoint(context, {{operation_key(uuid), std::nullopt}});
}

void volumes_done(Context& context, OperationRun& run) {
    State& state = context.state;
    if (run.failure.empty()) {
        end_operation(context, run, v1::OPERATION_FINISHED, "");
        store(context, run);
        return;
    }
    std::string message = run.failure;
    if (auto kept = take_back(state, run.operation.info())) {
        state.kept = std::move(*kept);
    } else {
        message += fmt::format("; it cannot be taken back: {}", kept.error().text);
    }
    end_operation(context, run, v1::OPERATION_FAILED, message);
    store(context, run);
}

}  // namespace

Resources total_resources(const State& state) {
    const auto configured = Resources::parse(state.config.info.resources());
    if (!configured) return state.kept;
    return with_checkpointed(*configured, state.kept).value_or(*configured);
}

void apply_operation(Context& context, const link::ApplyOperation& order) {
    State& state = context.state;
    const std::string& uuid = order.operation_uuid();
    if (!state.id || state.shutting_down) return;
    if (uuid.size() != uuid_bytes) {
        context.log(Severity::error, "ignoring an operation: its uuid has {} bytes", uuid.size());
        return;
    }
    const auto& settled = state.settled_operations;
    if (std::ranges::find(settled, uuid) != settled.end()) return;
    const auto [it, inserted] = state.operations.try_emplace(uuid);
    OperationRun& run = it->second;
    if (!inserted) {
        tell_end(context, run);
        return;
    }
    if (order.has_framework_id()) *run.operation.mutable_framework_id() = order.framework_id();
    run.operation.mutable_agent_id()->set_value(state.id->value);
    *run.operation.mutable_info() = order.operation();
    run.operation.mutable_uuid()->set_value(uuid);
    run.operation.mutable_latest_status()->set_state(v1::OPERATION_PENDING);
    if (order.operation().has_id()) {
        *run.operation.mutable_latest_status()->mutable_operation_id() = order.operation().id();
    }
    auto kept = order.operation().ByteSizeLong() > task_bytes_max / 2
                    ? fail(Errc::invalid_argument, "its description is too large to be stored")
                    : apply(state, order.operation());
    if (!kept) {
        if (order.operation().ByteSizeLong() > task_bytes_max / 2) {
            const v1::OperationID id = order.operation().id();
            run.operation.mutable_info()->Clear();
            run.operation.mutable_info()->set_type(order.operation().type());
            if (order.operation().has_id()) *run.operation.mutable_info()->mutable_id() = id;
        }
        end_operation(context, run, v1::OPERATION_FAILED, kept.error().text);
        store(context, run);
        return;
    }
    state.kept = std::move(*kept);
    const Type& info = run.operation.info();
    context.log(Severity::info, "operation {}: {}", uuid_to_text(uuid),
                Type::Type_Name(info.type()));
    if (made_by(info).empty() && removed_by(info).empty()) {
        end_operation(context, run, v1::OPERATION_FINISHED, "");
    }
    store(context, run);
}

void on_operation_durable(Context& context, const OperationAfter& after) {
    State& state = context.state;
    state.kept_durable = *after.kept;
    const auto it = state.operations.find(after.operation);
    if (it == state.operations.end()) return;
    OperationRun& run = it->second;
    run.durable = true;
    if (!is_over(run)) {
        remove_volumes(context, run);
        make_volumes(context, run, true);
        return;
    }
    if (!removed_by(run.operation.info()).empty()) tidy(context);
    if (run.silent) return forget(context, after.operation);
    tell_end(context, run);
}

void on_volume_changed(Context& context, const VolumeChanged& changed) {
    if (changed.operation.empty()) {
        if (changed.error) context.log(Severity::error, "{}", changed.error->text);
        return;
    }
    const auto it = context.state.operations.find(changed.operation);
    if (it == context.state.operations.end() || it->second.changing == 0) return;
    OperationRun& run = it->second;
    if (changed.error && run.failure.empty()) run.failure = changed.error->text;
    if (--run.changing == 0) volumes_done(context, run);
}

void on_operation_due(Context& context, const std::string& operation) {
    const auto it = context.state.operations.find(operation);
    if (it != context.state.operations.end()) tell_end(context, it->second);
}

void acknowledge_operation(Context& context, const link::AcknowledgeOperation& acknowledgement) {
    const auto it = context.state.operations.find(acknowledgement.operation_uuid());
    const bool fits =
        it != context.state.operations.end() && is_over(it->second) && it->second.durable &&
        it->second.operation.latest_status().uuid().value() == acknowledgement.status_uuid();
    if (!fits) {
        context.log(Severity::warning,
                    "ignoring the acknowledgement of operation {}: it fits no update of one",
                    uuid_to_text(acknowledgement.operation_uuid()));
        return;
    }
    forget(context, std::string(it->first));
}

void resume_operations(Context& context, bool as_new) {
    State& state = context.state;
    // What a registration lists may be less than what operations on their way make.
    state.kept_uncertain = std::ranges::any_of(state.operations, [](const auto& each) {
        return !is_over(each.second) || !each.second.durable;
    });
    if (as_new && !state.kept_durable.empty()) tell_kept(context);
    for (auto& [uuid, run] : state.operations) {
        run.retry_delay = Duration::zero();
        tell_end(context, run);
    }
}

void pause_operations(Context& context) {
    for (auto& [uuid, run] : context.state.operations) {
        context.state.timers.clear(retry_timer(uuid));
    }
}

void recover_operations(Context& context) {
    State& state = context.state;
    std::vector<std::string> over;
    for (const auto& [uuid, run] : state.operations) {
        if (run.silent && is_over(run)) over.push_back(uuid);
    }
    for (const std::string& uuid : over) forget(context, uuid);
    // First what is to go: what came in its place later is not asked for before. A removal that
    // was done is known by its mark, so that what came later is left alone.
    for (auto& [uuid, run] : state.operations) {
        if (!is_over(run)) remove_volumes(context, run);
    }
    for (auto& [uuid, run] : state.operations) {
        if (!is_over(run)) make_volumes(context, run, false);
    }
    for (const v1::Resource& volume : state.kept.persistent_volumes().to_proto()) {
        context.effects.push_back(MakeVolume{"", volume, false});
    }
    tidy(context);
}

}  // namespace tepui::agent
