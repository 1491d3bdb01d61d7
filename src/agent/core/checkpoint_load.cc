#include <fmt/format.h>

#include "agent/core/checkpoint.h"
#include "agent/core/checkpoint_read.h"
#include "agent/core/compatibility.h"
#include "agent/core/record.h"
#include "resources/conversion.h"

namespace tepui::agent {
namespace {

namespace v1 = mesos::v1;

/// "tasks/<container>/<rest>" in its parts; the same of "executors/...".
struct TaskKeyParts {
    ContainerId container;
    std::string_view rest;
};
std::optional<TaskKeyParts> split_task_key(std::string_view key,
                                           std::string_view prefix = "tasks/") {
    if (!key.starts_with(prefix)) return std::nullopt;
    key.remove_prefix(prefix.size());
    const auto slash = key.find('/');
    if (slash == std::string_view::npos) return std::nullopt;
    return TaskKeyParts{ContainerId{key.substr(0, slash)}, key.substr(slash + 1)};
}

class Loader {
public:
    Loader(State& state, Now now) : state_(state), now_(now) {}

    void load(const std::map<std::string, std::string>& stored) {
        if (const auto it = stored.find(identity_key()); it != stored.end()) {
            check(it->first, load_identity(it->second));
        }
        load_kept(stored);
        if (anew_) return load_anew(stored);
        for_prefix(stored, "frameworks/",
                   [&](const auto&, const std::string& value) { return load_framework(value); });
        for (const std::string_view pass : {"info", "state"}) {
            for_prefix(stored, executors_prefix,
                       [&](const std::string& key, const std::string& value) {
                           return load_executor_key(key, value, pass);
                       });
        }
        for (const std::string_view pass : {"info", "state", "updates/", "uuids", "displaced"}) {
            for_prefix(stored, "tasks/", [&](const std::string& key, const std::string& value) {
                return load_task_key(key, value, pass);
            });
        }
        for_prefix(stored, "nested/",
                   [&](const auto&, const std::string& value) { return load_nested(value); });
        if (const auto it = stored.find(drain_key()); it != stored.end()) {
            check(it->first, load_drain(it->second));
        }
        load_sandboxes(stored);
        drop_frameworks_without_tasks();
    }

private:
    static constexpr std::string_view executors_prefix = "executors/";
    static constexpr std::string_view sandboxes_prefix = "sandboxes/";
    static constexpr std::string_view operations_prefix = "operations/";

    void load_sandboxes(const std::map<std::string, std::string>& stored) {
        for_prefix(stored, sandboxes_prefix, [&](const std::string& key, const std::string& value) {
            return load_sandbox(ContainerId{key.substr(sandboxes_prefix.size())}, value);
        });
    }

    /// The agent takes a new id: of the old one only the sandboxes are left, to be removed in time.
    void load_anew(const std::map<std::string, std::string>& stored) {
        for (const auto& [key, value] : stored) {
            if (key != identity_key() && key != kept_key() && !key.starts_with(operations_prefix) &&
                !key.starts_with(sandboxes_prefix)) {
                state_.broken_keys.push_back(key);
            }
        }
        load_sandboxes(stored);
    }

    template <typename Load>
    void for_prefix(const std::map<std::string, std::string>& stored, std::string_view prefix,
                    Load load) {
        for (auto it = stored.lower_bound(std::string(prefix));
             it != stored.end() && it->first.starts_with(prefix); ++it) {
            check(it->first, load(it->first, it->second));
        }
    }

    void check(const std::string& key, const Result<void>& result) {
        if (result) return;
        ++state_.counters.recovery_errors;
        state_.broken_keys.push_back(key);
        if (!state_.broken) {
            state_.broken = Error{result.error().code,
                                  fmt::format("checkpoint '{}': {}", key, result.error().text)};
        }
        state_.load_log.push_back(
            {Severity::error,
             fmt::format("checkpoint '{}' is left out and removed: {}", key, result.error().text)});
    }

    Result<void> load_identity(const std::string& value) {
        const auto fields = TEPUI_TRY(decode_record(value, 4));
        const auto info = TEPUI_TRY(read_message<v1::AgentInfo>(fields[1]));
        const auto epoch = TEPUI_TRY(read_number(fields[2]));
        state_.registration.epoch = static_cast<std::uint64_t>(epoch);
        state_.boot_changed = fields[3] != state_.config.boot_id;
        if (fields[0].empty()) return {};
        const auto fits = check_compatible(info, state_.config.info, state_.config.reconfiguration);
        state_.reconfigured = !is_same(info, fields[0]);
        // What is to be cleaned up may be of any kind.
        if (!fits && state_.config.recover != RecoverMode::cleanup) {
            // After a reboot the old containers are gone, so the agent may start as a new one.
            if (!state_.boot_changed) {
                state_.refused = fits.error().text;
            } else {
                state_.load_log.push_back(
                    {Severity::warning, fmt::format("the machine was booted again and changed "
                                                    "({}): the agent takes a new id instead "
                                                    "of {}",
                                                    fits.error().text, fields[0])});
                anew_ = true;
                return {};
            }
        }
        state_.id = AgentId{fields[0]};
        state_.registration.restarted = true;
        return {};
    }

    bool is_same(const v1::AgentInfo& stored, const std::string& id) const {
        v1::AgentInfo now = state_.config.info;
        now.mutable_id()->set_value(id);
        return stored.SerializeAsString() == now.SerializeAsString();
    }

    Result<void> load_framework(const std::string& value) {
        const auto fields = TEPUI_TRY(decode_record(value, 1));
        Framework framework;
        framework.info = TEPUI_TRY(read_message<v1::FrameworkInfo>(fields[0]));
        const FrameworkId id{framework.info.id().value()};
        state_.frameworks.emplace(id, std::move(framework));
        return {};
    }

    Result<void> load_task_key(const std::string& key, const std::string& value,
                               std::string_view pass) {
        const auto parts = split_task_key(key);
        if (!parts) return pass == "info" ? unknown_key() : Result<void>{};
        if (!parts->rest.starts_with(pass)) return {};
        if (pass == "info") return load_task(parts->container, value);
        TaskRun* task = find(parts->container);
        if (task == nullptr) return fail(Errc::corrupt, "its task could not be read");
        if (pass == "state") return load_task_state(*task, value);
        if (pass == "uuids") return load_task_uuids(*task, value);
        if (pass == "displaced") {
            task->displaced = TEPUI_TRY(decode_record(value, 1)).front();
            return {};
        }
        return load_update(*task, parts->rest.substr(pass.size()), value);
    }

    Result<void> load_executor_key(const std::string& key, const std::string& value,
                                   std::string_view pass) {
        const auto parts = split_task_key(key, executors_prefix);
        if (!parts) return pass == "info" ? unknown_key() : Result<void>{};
        if (parts->rest != pass) return {};
        if (pass == "info") return load_executor(parts->container, value);
        const auto it = state_.executor_containers.find(parts->container);
        if (it == state_.executor_containers.end()) {
            return fail(Errc::corrupt, "its executor could not be read");
        }
        return read_executor_state(
            value, state_.frameworks.at(it->second.first).executors.at(it->second.second));
    }

    static Result<void> unknown_key() { return fail(Errc::corrupt, "no such key is known"); }

    TaskRun* find(const ContainerId& container) {
        const auto it = state_.containers.find(container);
        if (it == state_.containers.end()) return nullptr;
        return &state_.frameworks.at(it->second.first).tasks.at(it->second.second);
    }

    Result<void> load_executor(const ContainerId& container, const std::string& value) {
        ExecutorRun executor = TEPUI_TRY(read_executor(value));
        executor.container = container;
        if (!state_.id) return fail(Errc::corrupt, "the agent it belongs to is not known any more");
        const auto framework = state_.frameworks.find(executor.framework);
        if (framework == state_.frameworks.end()) {
            return fail(Errc::corrupt, "its framework {} could not be read", executor.framework);
        }
        const ExecutorKey key{executor.framework, ExecutorId{executor.info.executor_id().value()}};
        if (framework->second.executors.contains(key.second)) {
            return fail(Errc::corrupt, "executor {} is stored twice", key.second);
        }
        state_.executor_containers.emplace(container, key);
        framework->second.executors.emplace(key.second, std::move(executor));
        return {};
    }

    static Result<void> load_task_uuids(TaskRun& task, const std::string& value) {
        auto fields = TEPUI_TRY(decode_record(value, 0));
        task.received_uuids.assign(std::make_move_iterator(fields.begin()),
                                   std::make_move_iterator(fields.end()));
        return {};
    }

    Result<void> load_task(const ContainerId& container, const std::string& value) {
        TaskRun task = TEPUI_TRY(read_task(value));
        task.container = container;
        if (!state_.id) return fail(Errc::corrupt, "the agent it belongs to is not known any more");
        const auto framework = state_.frameworks.find(task.framework);
        if (framework == state_.frameworks.end()) {
            return fail(Errc::corrupt, "its framework {} could not be read", task.framework);
        }
        if (task.executor && !framework->second.executors.contains(*task.executor)) {
            return fail(Errc::corrupt, "its executor {} could not be read", *task.executor);
        }
        const TaskKey key{task.framework, TaskId{task.info.task_id().value()}};
        if (framework->second.tasks.contains(key.second)) {
            return fail(Errc::corrupt, "task {} is stored twice", key.second);
        }
        if (task.executor) {
            PodState& pod = framework->second.executors.at(*task.executor).pod;
            pod.groups = std::max(pod.groups, task.pod.group);
        }
        Stream stream;
        stream.task = key;
        stream.container = container;
        stream.checkpoint = true;
        state_.streams.emplace(key, std::move(stream));
        state_.containers.emplace(container, key);
        framework->second.tasks.emplace(key.second, std::move(task));
        return {};
    }

    Result<void> load_task_state(TaskRun& task, const std::string& value) {
        TEPUI_CHECK_OK(read_task_state(value, now_.instant, task));
        state_.streams.at(state_.containers.at(task.container)).latest = task.state;
        return {};
    }

    Result<void> load_update(TaskRun& task, std::string_view sequence_text,
                             const std::string& value) {
        const auto fields = TEPUI_TRY(decode_record(value, 1));
        const auto sequence = TEPUI_TRY(read_number(std::string(sequence_text)));
        Stream& stream = state_.streams.at(state_.containers.at(task.container));
        PendingUpdate update;
        update.status = TEPUI_TRY(read_message<v1::TaskStatus>(fields[0]));
        update.sequence = static_cast<std::uint64_t>(sequence);
        update.durable = true;
        stream.next_sequence = update.sequence + 1;  // Keys are sorted: the last is the highest.
        stream.queue.push_back(std::move(update));
        return {};
    }

    Result<void> load_sandbox(const ContainerId& container, const std::string& value) {
        const auto fields = TEPUI_TRY(decode_record(value, 2));
        Sandbox sandbox{.path = fields[0], .ended = std::nullopt};
        if (!fields[1].empty()) {
            sandbox.ended = WallTime{Duration{TEPUI_TRY(read_number(fields[1]))}};
        }
        state_.sandboxes.emplace(container, std::move(sandbox));
        return {};
    }

    Result<void> load_nested(const std::string& value) {
        NestedRun run = TEPUI_TRY(read_nested(value));
        const ContainerId name = run.container;
        state_.nested.emplace(name, std::move(run));
        return {};
    }

    /// What the machine keeps outlives the agent's id.
    void load_kept(const std::map<std::string, std::string>& stored) {
        if (const auto it = stored.find(kept_key()); it != stored.end()) {
            const Result<void> loaded = load_kept(it->second);
            // Guessing here would give volumes to whoever comes next.
            if (!loaded && state_.config.recover != RecoverMode::cleanup)
                state_.refused = fmt::format(
                    "the record of reservations and persistent volumes cannot be used: {}",
                    loaded.error().text);
        }
        for_prefix(stored, operations_prefix,
                   [&](const auto&, const std::string& value) { return load_operation(value); });
    }

    Result<void> load_kept(const std::string& value) {
        const auto fields = TEPUI_TRY(decode_record(value, 0));
        ResourceList list;
        for (const std::string& field : fields) {
            *list.Add() = TEPUI_TRY(read_message<v1::Resource>(field));
        }
        const auto kept = TEPUI_TRY(Resources::parse(list));
        const auto configured = TEPUI_TRY(Resources::parse(state_.config.info.resources()));
        if (const auto total = with_checkpointed(configured, kept); !total) {
            return fail(Errc::conflict,
                        "{}; give the agent those resources again (--resources), or unreserve them "
                        "and destroy the volumes first",
                        total.error().text);
        }
        state_.kept = kept;
        state_.kept_durable = kept;
        return {};
    }

    Result<void> load_operation(const std::string& value) {
        const auto fields = TEPUI_TRY(decode_record(value, 1));
        OperationRun run;
        run.operation = TEPUI_TRY(read_message<v1::Operation>(fields[0]));
        run.durable = true;
        run.silent = anew_ || !state_.id;
        const std::string uuid = run.operation.uuid().value();
        state_.operations.emplace(uuid, std::move(run));
        return {};
    }

    Result<void> load_drain(const std::string& value) {
        const auto fields = TEPUI_TRY(decode_record(value, 2));
        Drain drain;
        drain.config = TEPUI_TRY(read_message<v1::DrainConfig>(fields[0]));
        drain.began = WallTime{Duration{TEPUI_TRY(read_number(fields[1]))}};
        // A new agent is not what was to be drained.
        if (!state_.id) {
            state_.broken_keys.push_back(drain_key());
            return {};
        }
        state_.drain = std::move(drain);
        return {};
    }

    void drop_frameworks_without_tasks() {
        for (auto it = state_.frameworks.begin(); it != state_.frameworks.end();) {
            if (!it->second.tasks.empty() || !it->second.executors.empty()) {
                ++it;
                continue;
            }
            state_.broken_keys.push_back(framework_key(it->first));
            it = state_.frameworks.erase(it);
        }
    }

    State& state_;
    Now now_;
    bool anew_ = false;
};

}  // namespace

void load_checkpoints(State& state, const std::map<std::string, std::string>& stored, Now now) {
    Loader(state, now).load(stored);
}

}  // namespace tepui::agent
