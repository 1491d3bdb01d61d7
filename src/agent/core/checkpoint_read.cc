#include "agent/core/checkpoint_read.h"

#include <charconv>

#include "agent/core/nested.h"
#include "agent/core/record.h"

namespace tepui::agent {

namespace v1 = mesos::v1;

Result<std::int64_t> read_number(const std::string& text) {
    std::int64_t value = 0;
    const auto [end, error] = std::from_chars(text.data(), text.data() + text.size(), value);
    if (error != std::errc{} || end != text.data() + text.size()) {
        return fail(Errc::corrupt, "'{}' is not a number", text);
    }
    return value;
}

Result<ExecutorRun> read_executor(const std::string& value) {
    const auto fields = TEPUI_TRY(decode_record(value, 5));
    ExecutorRun executor;
    executor.framework = FrameworkId{fields[0]};
    executor.info = TEPUI_TRY(read_message<v1::ExecutorInfo>(fields[1]));
    executor.user = fields[2];
    executor.sandbox = fields[3];
    const auto kind = TEPUI_TRY(read_number(fields[4]));
    if (kind != static_cast<int>(ExecutorKind::custom) &&
        kind != static_cast<int>(ExecutorKind::pod)) {
        return fail(Errc::corrupt, "a kind of executor that this version does not know");
    }
    executor.kind = static_cast<ExecutorKind>(kind);
    return executor;
}

Result<void> read_executor_state(const std::string& value, ExecutorRun& executor) {
    const auto fields = TEPUI_TRY(decode_record(value, 7));
    const auto phase = TEPUI_TRY(read_number(fields[0]));
    const auto pid = TEPUI_TRY(read_number(fields[1]));
    const auto started = TEPUI_TRY(read_number(fields[2]));
    const auto used = TEPUI_TRY(read_number(fields[4]));
    const auto end = TEPUI_TRY(read_number(fields[5]));
    const auto grace = TEPUI_TRY(read_number(fields[6]));
    const bool known = phase >= 0 && phase <= static_cast<int>(ExecutorPhase::ended) && end >= 0 &&
                       end <= static_cast<int>(ExecutorEnd::drain);
    if (!known) return fail(Errc::corrupt, "a state that this version does not know");
    if (!fields[3].empty()) {
        executor.wait_status = static_cast<std::int32_t>(TEPUI_TRY(read_number(fields[3])));
    }
    executor.phase = static_cast<ExecutorPhase>(phase);
    executor.pid = pid;
    executor.started = WallTime{Duration{started}};
    executor.used = used != 0;
    if (end != 0) executor.end = static_cast<ExecutorEnd>(end);
    executor.grace = Duration{grace};
    return {};
}

Result<TaskRun> read_task(const std::string& value) {
    const auto fields = TEPUI_TRY(decode_record(value, 4));
    TaskRun task;
    task.framework = FrameworkId{fields[0]};
    task.info = TEPUI_TRY(read_message<v1::TaskInfo>(fields[1]));
    task.user = fields[2];
    task.sandbox = fields[3];
    if (fields.size() > 4 && !fields[4].empty()) task.executor = ExecutorId{fields[4]};
    if (fields.size() > 5) {
        task.pod.group = static_cast<std::uint64_t>(TEPUI_TRY(read_number(fields[5])));
    }
    return task;
}

Result<void> read_task_state(const std::string& value, Instant now, TaskRun& task) {
    const auto fields = TEPUI_TRY(decode_record(value, 6));
    const auto phase = TEPUI_TRY(read_number(fields[0]));
    const auto pid = TEPUI_TRY(read_number(fields[1]));
    const auto started = TEPUI_TRY(read_number(fields[2]));
    const auto task_state = TEPUI_TRY(read_number(fields[3]));
    const auto cause = TEPUI_TRY(read_number(fields[4]));
    const auto grace = TEPUI_TRY(read_number(fields[5]));
    const bool known = phase >= 0 && phase <= static_cast<int>(Phase::ended) && cause >= 0 &&
                       cause <= static_cast<int>(EndCause::drain) &&
                       v1::TaskState_IsValid(static_cast<int>(task_state));
    if (!known) return fail(Errc::corrupt, "a state that this version does not know");
    std::vector<v1::TaskStatus> statuses;
    for (std::size_t i = 6; i < fields.size(); ++i) {
        statuses.push_back(TEPUI_TRY(read_message<v1::TaskStatus>(fields[i])));
    }
    task.phase = static_cast<Phase>(phase);
    task.pid = pid;
    task.started = WallTime{Duration{started}};
    task.state = static_cast<v1::TaskState>(task_state);
    task.statuses = std::move(statuses);
    if (cause != 0) {
        task.ending =
            Ending{.cause = static_cast<EndCause>(cause), .grace = Duration{grace}, .asked = now};
    }
    return {};
}

Result<NestedRun> read_nested(const std::string& value) {
    const auto fields = TEPUI_TRY(decode_record(value, 12));
    const auto kind = TEPUI_TRY(read_number(fields[0]));
    const auto phase = TEPUI_TRY(read_number(fields[5]));
    if (kind < 1 || kind > static_cast<int>(NestedKind::standalone) || phase < 1 ||
        phase > static_cast<int>(NestedPhase::ended)) {
        return fail(Errc::corrupt, "a state that this version does not know");
    }
    NestedRun run;
    run.kind = static_cast<NestedKind>(kind);
    run.id = TEPUI_TRY(read_message<v1::ContainerID>(fields[1]));
    run.container = ContainerId{chain_text(run.id)};
    if (!fields[2].empty()) run.parent = ContainerId{fields[2]};
    run.user = fields[3];
    run.sandbox = fields[4];
    run.phase = static_cast<NestedPhase>(phase);
    run.pid = TEPUI_TRY(read_number(fields[6]));
    run.terminal = fields[7] == "1";
    if (!fields[8].empty())
        run.end.status = static_cast<std::int32_t>(TEPUI_TRY(read_number(fields[8])));
    if (!fields[9].empty()) {
        const auto reason = static_cast<int>(TEPUI_TRY(read_number(fields[9])));
        if (!v1::TaskStatus::Reason_IsValid(reason))
            return fail(Errc::corrupt, "a reason that this version does not know");
        run.end.limitation =
            Limitation{static_cast<v1::TaskStatus::Reason>(reason), fields[10],
                       TEPUI_TRY(read_message<v1::TaskResourceLimitation>(fields[11]))};
    }
    return run;
}

}  // namespace tepui::agent
