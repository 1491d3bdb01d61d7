// Custom executors, pods and command tasks as an agent's readers see them.
#include <gmock/gmock.h>

#include "agent/routes/executor_views.h"
#include "agent/routes/state_views.h"
#include "wire/json.h"

namespace tepui::agent {
namespace {

namespace v1 = mesos::v1;
using ::testing::ElementsAre;
using ::testing::HasSubstr;
using ::testing::Not;

template <typename Message>
Message from_json(const std::string& json) {
    Message message;
    const auto parsed = wire::json_to_message(json, message);
    EXPECT_TRUE(parsed) << parsed.error().text;
    return message;
}

std::string cpus(double amount) {
    return fmt::format(R"([{{"name":"cpus","type":"SCALAR","scalar":{{"value":{}}},)"
                       R"("allocation_info":{{"role":"gold"}}}}])",
                       amount);
}

v1::TaskInfo task_info(const std::string& id) {
    return from_json<v1::TaskInfo>(
        fmt::format(R"({{"name":"{0}","task_id":{{"value":"{0}"}},"agent_id":{{"value":"a"}},)"
                    R"("command":{{"value":"sleep 100"}},"resources":{1}}})",
                    id, cpus(0.5)));
}

v1::ExecutorInfo executor_info(const std::string& id, const std::string& type) {
    return from_json<v1::ExecutorInfo>(fmt::format(
        R"({{"type":"{1}","executor_id":{{"value":"{0}"}},"framework_id":{{"value":"f"}},)"
        R"("name":"named","resources":{2}}})",
        id, type, cpus(0.25)));
}

/// One framework with a command task, a custom executor with a running, a queued and a completed
/// task, and a pod of one; a custom executor that is over.
struct ViewsTest : ::testing::Test {
    ViewsTest() {
        state.id = AgentId{"a"};
        framework().info = from_json<v1::FrameworkInfo>(
            R"({"user":"u","name":"n","id":{"value":"f"},"roles":["gold"],"capabilities":[{"type":"MULTI_ROLE"}]})");
        add_task("command", std::nullopt, Phase::running, "c-command");
        add_executor("custom", ExecutorKind::custom, "c-custom");
        add_task("running", ExecutorId{"custom"}, Phase::running, "t-running");
        add_task("queued", ExecutorId{"custom"}, Phase::persisting, "t-queued");
        add_executor("pod", ExecutorKind::pod, "c-pod");
        add_task("member", ExecutorId{"pod"}, Phase::running, "c-member");
        CompletedTask done;
        done.info = task_info("done");
        done.state = v1::TASK_FINISHED;
        framework().executors.at(ExecutorId{"custom"}).completed.push_back(done);
        CompletedExecutor over;
        over.info = executor_info("over", "CUSTOM");
        over.container = ContainerId{"c-over"};
        done.info = task_info("earlier");
        over.completed.push_back(done);
        framework().completed_executors.push_back(over);
    }

    Framework& framework() { return state.frameworks[FrameworkId{"f"}]; }

    void add_task(const std::string& id, std::optional<ExecutorId> executor, Phase phase,
                  const std::string& container) {
        TaskRun& task = framework().tasks[TaskId{id}];
        task.info = task_info(id);
        task.framework = FrameworkId{"f"};
        task.executor = std::move(executor);
        task.container = ContainerId{container};
        task.phase = phase;
        task.pid = 7;
    }

    void add_executor(const std::string& id, ExecutorKind kind, const std::string& container) {
        ExecutorRun& run = framework().executors[ExecutorId{id}];
        run.kind = kind;
        run.info = executor_info(id, kind == ExecutorKind::pod ? "DEFAULT" : "CUSTOM");
        run.framework = FrameworkId{"f"};
        run.container = ContainerId{container};
        run.sandbox = "/sandbox/" + id;
        run.phase = ExecutorPhase::running;
        run.pid = 8;
    }

    State state{CoreConfig{}, 1};
};

template <typename Tasks>
std::vector<std::string> ids(const Tasks& tasks) {
    std::vector<std::string> ids;
    for (const v1::Task& task : tasks)
        ids.push_back(task.executor_id().value() + "/" + task.task_id().value());
    return ids;
}

TEST_F(ViewsTest, TasksNameTheirExecutors) {
    const auto tasks = get_tasks(state);
    EXPECT_THAT(ids(tasks.launched_tasks()),
                ElementsAre("/command", "pod/member", "custom/running"));
    EXPECT_THAT(ids(tasks.queued_tasks()), ElementsAre("custom/queued"));
    EXPECT_THAT(ids(tasks.completed_tasks()), ElementsAre("custom/done", "over/earlier"));
}

TEST_F(ViewsTest, ExecutorsOfAllKinds) {
    const auto executors = get_executors(state);
    std::vector<std::string> live;
    for (const auto& each : executors.executors())
        live.push_back(each.executor_info().executor_id().value());
    EXPECT_THAT(live, ElementsAre("custom", "pod", "command"));
    ASSERT_EQ(executors.completed_executors_size(), 1);
    EXPECT_EQ(executors.completed_executors(0).executor_info().executor_id().value(), "over");
}

TEST_F(ViewsTest, NestedContainersAreShownWhenAsked) {
    const auto names = [](const v1::agent::Response::GetContainers& containers) {
        std::vector<std::string> names;
        for (const auto& each : containers.containers()) {
            const auto& id = each.container_status().container_id();
            names.push_back(id.parent().value() + "/" + each.container_id().value());
        }
        return names;
    };
    EXPECT_THAT(names(get_containers(state, false)),
                ElementsAre("/c-custom", "/c-pod", "/c-command"));
    const auto all = get_containers(state, true);
    EXPECT_THAT(names(all), ElementsAre("/c-custom", "/c-pod", "c-pod/c-member", "/c-command"));
    EXPECT_FALSE(all.containers(2).has_executor_id());
    EXPECT_EQ(all.containers(2).container_status().executor_pid(), 7U);
    EXPECT_EQ(all.containers(2).resource_statistics().cpus_soft_limit(), 0.5);
    EXPECT_FALSE(all.containers(0).has_resource_statistics()) << "its usage is read";
    EXPECT_EQ(all.containers(0).executor_name(), "named");
}

TEST_F(ViewsTest, ContainersAreToldWithTheirAddresses) {
    Framework& framework = state.frameworks.begin()->second;
    auto& task = framework.tasks.at(TaskId{"command"});
    task.container_status.add_network_infos()->add_ip_addresses()->set_ip_address("10.87.0.2");
    auto& custom = framework.executors.at(ExecutorId{"custom"});
    custom.container_status.add_network_infos()->set_name("front");
    const auto containers = get_containers(state, false);
    const auto& first = containers.containers(0).container_status();
    ASSERT_EQ(first.network_infos_size(), 1);
    EXPECT_EQ(first.network_infos(0).name(), "front");
    const auto& last = containers.containers(2).container_status();
    ASSERT_EQ(last.network_infos_size(), 1);
    EXPECT_EQ(last.network_infos(0).ip_addresses(0).ip_address(), "10.87.0.2");
    EXPECT_EQ(last.container_id().value(), "c-command");
}

TEST_F(ViewsTest, SourcesAreThoseOfTheExecutors) {
    const auto sources = container_sources(state);
    EXPECT_EQ(sources.at("c-command"), "command");
    EXPECT_EQ(sources.at("c-custom"), "");
}

TEST_F(ViewsTest, UseIsThatOfExecutorsAndTheirTasks) {
    // 0.5 of the command task, 0.25 + 2 * 0.5 of the custom executor, 0.25 + 0.5 of the pod.
    EXPECT_EQ(used_resources(state).scalar("cpus").to_double(), 2.5);
    framework().executors.at(ExecutorId{"custom"}).phase = ExecutorPhase::ended;
    EXPECT_EQ(used_resources(state).scalar("cpus").to_double(), 1.25);
}

TEST_F(ViewsTest, StateShowsExecutorsWithTheirTasks) {
    const std::string json = state_json(state, Identity{});
    EXPECT_THAT(json,
                HasSubstr(R"("id":"custom","name":"named","source":"","container":"c-custom",)"
                          R"("directory":"/sandbox/custom")"));
    EXPECT_THAT(json, HasSubstr(R"("type":"DEFAULT","tasks":[{"id":"member")"));
    EXPECT_THAT(json, HasSubstr(R"("queued_tasks":[{"id":"queued")"));
    EXPECT_THAT(json, HasSubstr(R"("completed_tasks":[{"id":"done")"));
    EXPECT_THAT(json, HasSubstr(R"("completed_executors":[{"id":"over")"));
    EXPECT_THAT(json, Not(HasSubstr(R"("id":"running","name":"Command Executor)")));
}

TEST_F(ViewsTest, LaunchesUnderWay) {
    EXPECT_EQ(containerizer_debug_json(state), R"({"pending":[]})");
    framework().executors.at(ExecutorId{"pod"}).phase = ExecutorPhase::launching;
    framework().tasks.at(TaskId{"command"}).phase = Phase::launching;
    // A custom executor's task has no container of its own.
    framework().tasks.at(TaskId{"queued"}).phase = Phase::launching;
    EXPECT_EQ(containerizer_debug_json(state),
              R"({"pending":[{"operation":"launch","args":{"container_id":"c-pod"}},)"
              R"({"operation":"launch","args":{"container_id":"c-command"}}]})");
}

}  // namespace
}  // namespace tepui::agent
