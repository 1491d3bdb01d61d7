#include "agent/task_paths.h"

#include <gmock/gmock.h>

#include "agent/agent_outlets.h"

namespace tepui::agent {
namespace {

using ::testing::ElementsAre;
using ::testing::IsEmpty;
using ::testing::Pair;

const std::string pod = "/work/slaves/a/frameworks/f/executors/e/runs/c";

TEST(TaskPaths, APodsTaskIsFoundByItsName) {
    daemon::Files files;
    attach_pod_task(files, "/work", pod + "/containers/n", "t");
    const std::string runs = "/work/slaves/a/frameworks/f/executors/e/runs";
    EXPECT_THAT(
        files.attached(),
        ElementsAre(Pair("/frameworks/f/executors/e/runs/latest/tasks/t", pod + "/containers/n"),
                    Pair(runs + "/c/tasks/t", pod + "/containers/n"),
                    Pair(runs + "/latest/tasks/t", pod + "/containers/n")));
    files.detach_real(pod);  // As when the pod's sandbox is removed.
    EXPECT_THAT(files.attached(), IsEmpty());
}

TEST(TaskPaths, OtherSandboxesAreNot) {
    daemon::Files files;
    attach_pod_task(files, "/work", pod, "t");
    attach_pod_task(files, "/work", "/work/slaves/a/frameworks/f/executors/containers/runs/c", "t");
    attach_pod_task(files, "/work", "", "t");
    EXPECT_THAT(files.attached(), IsEmpty());
    attach_sandbox(files, "/work", pod + "/containers/n");
    EXPECT_THAT(files.attached(), IsEmpty());
}

TEST(TaskPaths, ARestartShowsThemAgain) {
    State state{CoreConfig{}, 1};
    Framework& framework = state.frameworks[FrameworkId{"f"}];
    TaskRun& task = framework.tasks[TaskId{"live"}];
    task.executor = ExecutorId{"e"};
    task.sandbox = pod + "/containers/n1";
    CompletedTask over;
    over.info.mutable_task_id()->set_value("over");
    over.sandbox = pod + "/containers/n2";
    framework.executors[ExecutorId{"e"}].completed.push_back(over);
    over.info.mutable_task_id()->set_value("earlier");
    over.sandbox = "/work/slaves/a/frameworks/f/executors/x/runs/c/containers/n3";
    framework.completed_executors.emplace_back().completed.push_back(over);
    daemon::Files files;
    attach_pod_tasks(files, "/work", state);
    const auto attached = files.attached();
    EXPECT_EQ(attached.at("/frameworks/f/executors/e/runs/latest/tasks/live"),
              pod + "/containers/n1");
    EXPECT_EQ(attached.at("/frameworks/f/executors/e/runs/latest/tasks/over"),
              pod + "/containers/n2");
    EXPECT_TRUE(attached.contains("/frameworks/f/executors/x/runs/latest/tasks/earlier"));
}

}  // namespace
}  // namespace tepui::agent
