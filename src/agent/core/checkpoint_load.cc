#include <charconv>

#include <fmt/format.h>

#include "agent/core/checkpoint.h"
#include "agent/core/compatibility.h"
#include "agent/core/record.h"

namespace tepui::agent {
namespace {

namespace v1 = mesos::v1;

Result<std::int64_t> read_number(const std::string& text) {
    std::int64_t value = 0;
    const auto [end, error] = std::from_chars(text.data(), text.data() + text.size(), value);
    if (error != std::errc{} || end != text.data() + text.size()) {
        return fail(Errc::corrupt, "'{}' is not a number", text);
    }
    return value;
}

template <typename Message>
Result<Message> read_message(const std::string& bytes) {
    Message message;
    if (!message.ParseFromString(bytes)) {
        return fail(Errc::corrupt, "not a {}", message.GetTypeName());
    }
    return message;
}

/// "tasks/<container>/<rest>" in its parts.
struct TaskKeyParts {
    ContainerId container;
    std::string_view rest;
};
std::optional<TaskKeyParts> split_task_key(std::string_view key) {
    constexpr std::string_view prefix = "tasks/";
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
        for_prefix(stored, "frameworks/",
                   [&](const auto&, const std::string& value) { return load_framework(value); });
        for (const std::string_view pass : {"info", "state", "updates/"}) {
            for_prefix(stored, "tasks/", [&](const std::string& key, const std::string& value) {
                return load_task_key(key, value, pass);
            });
        }
        for_prefix(stored, "sandboxes/", [&](const std::string& key, const std::string& value) {
            return load_sandbox(ContainerId{key.substr(10)}, value);
        });
        drop_frameworks_without_tasks();
    }

private:
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
        if (const auto fits = check_compatible(info, state_.config.info); !fits) {
            // After a reboot the old containers are gone, so the agent may start as a new one.
            if (!state_.boot_changed) {
                state_.refused = fits.error().text;
            } else {
                state_.load_log.push_back(
                    {Severity::warning, fmt::format("the machine was booted again and changed "
                                                    "({}): the agent takes a new id instead "
                                                    "of {}",
                                                    fits.error().text, fields[0])});
                return {};
            }
        }
        state_.id = AgentId{fields[0]};
        state_.registration.restarted = true;
        return {};
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
        return load_update(*task, parts->rest.substr(pass.size()), value);
    }

    static Result<void> unknown_key() { return fail(Errc::corrupt, "no such key is known"); }

    TaskRun* find(const ContainerId& container) {
        const auto it = state_.containers.find(container);
        if (it == state_.containers.end()) return nullptr;
        return &state_.frameworks.at(it->second.first).tasks.at(it->second.second);
    }

    Result<void> load_task(const ContainerId& container, const std::string& value) {
        const auto fields = TEPUI_TRY(decode_record(value, 4));
        TaskRun task;
        task.framework = FrameworkId{fields[0]};
        task.info = TEPUI_TRY(read_message<v1::TaskInfo>(fields[1]));
        task.user = fields[2];
        task.sandbox = fields[3];
        task.container = container;
        if (!state_.id) return fail(Errc::corrupt, "the agent it belongs to is not known any more");
        const auto framework = state_.frameworks.find(task.framework);
        if (framework == state_.frameworks.end()) {
            return fail(Errc::corrupt, "its framework {} could not be read", task.framework);
        }
        const TaskKey key{task.framework, TaskId{task.info.task_id().value()}};
        if (framework->second.tasks.contains(key.second)) {
            return fail(Errc::corrupt, "task {} is stored twice", key.second);
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
        const auto fields = TEPUI_TRY(decode_record(value, 6));
        const auto phase = TEPUI_TRY(read_number(fields[0]));
        const auto pid = TEPUI_TRY(read_number(fields[1]));
        const auto started = TEPUI_TRY(read_number(fields[2]));
        const auto task_state = TEPUI_TRY(read_number(fields[3]));
        const auto cause = TEPUI_TRY(read_number(fields[4]));
        const auto grace = TEPUI_TRY(read_number(fields[5]));
        const bool known = phase >= 0 && phase <= static_cast<int>(Phase::ended) && cause >= 0 &&
                           cause <= static_cast<int>(EndCause::departure) &&
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
            task.ending = Ending{.cause = static_cast<EndCause>(cause),
                                 .grace = Duration{grace},
                                 .asked = now_.instant};
        }
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

    void drop_frameworks_without_tasks() {
        for (auto it = state_.frameworks.begin(); it != state_.frameworks.end();) {
            if (!it->second.tasks.empty()) {
                ++it;
                continue;
            }
            state_.broken_keys.push_back(framework_key(it->first));
            it = state_.frameworks.erase(it);
        }
    }

    State& state_;
    Now now_;
};

}  // namespace

void load_checkpoints(State& state, const std::map<std::string, std::string>& stored, Now now) {
    Loader(state, now).load(stored);
}

}  // namespace tepui::agent
