#include "cli/view/describe.h"

#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include "cli/view/cluster_testing.h"
#include "cli/view/top_rows.h"

namespace tepui::cli {
namespace {

using namespace testing_cluster;
using testing::HasSubstr;
using testing::Not;

DescribeView view_of(std::initializer_list<mesos::v1::Task> tasks) {
    DescribeView view;
    const Event event = snapshot(tasks);
    const auto& state = event.subscribed().get_state();
    *view.agents.mutable_get_agents() = state.get_agents();
    *view.frameworks.mutable_get_frameworks() = state.get_frameworks();
    *view.tasks.mutable_get_tasks() = state.get_tasks();
    view.now = 400;
    return view;
}

TEST(Describe, TaskWithEverything) {
    auto task = make_task("a", mesos::v1::TASK_FAILED, 160);
    task.mutable_statuses(0)->set_message("Command exited with status 3");
    task.mutable_statuses(0)->set_reason(mesos::v1::TaskStatus::REASON_COMMAND_EXECUTOR_FAILED);
    task.mutable_statuses(0)->set_source(mesos::v1::TaskStatus::SOURCE_EXECUTOR);
    task.mutable_statuses(0)->set_healthy(false);
    task.mutable_statuses(0)->mutable_check_status()->mutable_http()->set_status_code(500);
    task.set_user("me");
    auto* label = task.mutable_labels()->add_labels();
    label->set_key("tier");
    label->set_value("front");
    DescribeView view = view_of({task});
    view.agent_state = *parse_json(
        R"({"frameworks":[{"id":"F","executors":[],"completed_executors":[
            {"id":"a","directory":"/work/a/runs/1","container":"c-1"}]}]})");
    EXPECT_EQ(describe_task(task, view),
              "Task:       a\n"
              "Name:       a-name\n"
              "State:      FAILED since 1970-01-01T00:02:40Z (4m ago)\n"
              "Framework:  web (F)\n"
              "Agent:      box (S1)\n"
              "User:       me\n"
              "Role:       dev\n"
              "Resources:  cpus 0.5\n"
              "Labels:     tier=front\n"
              "Health:     unhealthy\n"
              "Check:      HTTP status 500\n"
              "Executor:   command\n"
              "Sandbox:    /work/a/runs/1\n"
              "Container:  c-1\n"
              "\n"
              "History:\n"
              "  TIME                  STATE   SOURCE    REASON                   MESSAGE\n"
              "  1970-01-01T00:02:40Z  FAILED  EXECUTOR  COMMAND_EXECUTOR_FAILED  Command exited "
              "with status 3\n");
}

TEST(Describe, TaskWhoseAgentIsSilent) {
    const auto task = make_task("a", mesos::v1::TASK_STAGING);
    const std::string page = describe_task(task, view_of({task}));
    EXPECT_THAT(page, HasSubstr("Sandbox:    not known: its agent does not answer"));
    EXPECT_THAT(page, HasSubstr("no update has come yet"));
    EXPECT_THAT(page, Not(HasSubstr("Health")));
}

TEST(Describe, TaskOfAPodHasAFolderOfItsOwn) {
    auto task = make_task("a", mesos::v1::TASK_RUNNING);
    task.mutable_executor_id()->set_value("pod");
    DescribeView view = view_of({task});
    view.agent_state =
        *parse_json(R"({"frameworks":[{"id":"F","executors":[{"id":"pod","directory":"/d"}]}]})");
    const std::string page = describe_task(task, view);
    EXPECT_THAT(page, HasSubstr("Executor:   pod\n"));
    EXPECT_THAT(page, HasSubstr("Sandbox:    /d/tasks/a\n"));
}

TEST(Describe, AgentWithAmounts) {
    DescribeView view = view_of(
        {make_task("a", mesos::v1::TASK_RUNNING), make_task("old", mesos::v1::TASK_FINISHED, 90)});
    auto agent = make_agent("S1", "box");
    add_scalar(*agent.mutable_allocated_resources(), "cpus", 1.5);
    add_scalar(*agent.mutable_offered_resources(), "cpus", 0.5);
    auto* rack = agent.mutable_agent_info()->add_attributes();
    rack->set_name("rack");
    rack->mutable_text()->set_value("r1");
    agent.mutable_registered_time()->set_nanoseconds(100'000'000'000);
    agent.mutable_reregistered_time()->set_nanoseconds(100'000'000'000);
    EXPECT_THAT(describe_agent(agent, view), Not(HasSubstr("Came back")));
    agent.mutable_reregistered_time()->set_nanoseconds(390'000'000'000);
    const std::string page = describe_agent(agent, view);
    EXPECT_THAT(page, HasSubstr("Came back:   1970-01-01T00:06:30Z (10s ago)\n"));
    EXPECT_THAT(page, HasSubstr("Address:     10.0.0.5:5051\n"));
    EXPECT_THAT(page, HasSubstr("Attributes:  rack=r1\n"));
    EXPECT_THAT(page, HasSubstr("cpus          4   1.5      0.5     2\n"));
    EXPECT_THAT(page, HasSubstr("mem         2GB   0MB      0MB   2GB\n"));
    EXPECT_THAT(page, HasSubstr("  a     RUNNING  web (F)    cpus 0.5\n"));
    EXPECT_THAT(page, HasSubstr("Recent events:\n"));
    EXPECT_LT(page.find("old"), page.rfind("RUNNING"));
}

TEST(Describe, FrameworkWithOffersAndTenEventsAtMost) {
    DescribeView view = view_of({});
    for (int i = 0; i < 15; ++i) {
        *view.tasks.mutable_get_tasks()->add_completed_tasks() =
            make_task("t" + std::to_string(i), mesos::v1::TASK_FINISHED, 100 + i);
    }
    auto framework = make_framework("F", "web", "dev");
    auto* offer = framework.add_offers();
    offer->mutable_id()->set_value("O1");
    offer->mutable_agent_id()->set_value("S1");
    add_scalar(*offer->mutable_resources(), "mem", 64);
    const std::string page = describe_framework(framework, false, view);
    EXPECT_THAT(page, HasSubstr("State:       ACTIVE\n"));
    EXPECT_THAT(page, HasSubstr("O1     box (S1)  mem 64MB\n"));
    EXPECT_THAT(page, Not(HasSubstr(" t4 ")));
    EXPECT_THAT(page, HasSubstr(" t5 "));
    EXPECT_THAT(page, HasSubstr(" t14 "));
    EXPECT_THAT(describe_framework(framework, true, view), HasSubstr("COMPLETED"));
}

TEST(Describe, NothingOfTheClusterSteersTheTerminal) {
    auto task = make_task("a", mesos::v1::TASK_RUNNING);
    task.set_name("evil\033[2J");
    task.mutable_statuses(0)->set_message("\033]0;x");
    const std::string page = describe_task(task, view_of({task}));
    EXPECT_EQ(page.find('\033'), std::string::npos);
}

TEST(Top, UseIsWorkBetweenTwoLooks) {
    TopView view;
    const Event event = snapshot({make_task("a", mesos::v1::TASK_RUNNING)});
    *view.agents.mutable_get_agents() = event.subscribed().get_state().get_agents();
    *view.frameworks.mutable_get_frameworks() = event.subscribed().get_state().get_frameworks();
    *view.tasks.mutable_get_tasks() = event.subscribed().get_state().get_tasks();
    add_scalar(*view.agents.mutable_get_agents()->mutable_agents(0)->mutable_allocated_resources(),
               "cpus", 0.5);
    const auto usage = [](double user, double system, double rss, double time) {
        return read_usage(*parse_json(fmt::format(
            R"([{{"framework_id":"F","executor_id":"a","statistics":{{"cpus_user_time_secs":{},
               "cpus_system_time_secs":{},"mem_rss_bytes":{},"timestamp":{}}}}}])",
            user, system, rss, time)));
    };
    view.before["S1"] = usage(10, 5, 0, 100);
    view.now["S1"] = usage(11, 6, 512.0 * 1024 * 1024, 104);
    EXPECT_EQ(render_top(view, "cpu", false),
              "AGENT  STATE   TASKS  CPU USED  ALLOCATED  TOTAL  USE  MEM USED  ALLOCATED  TOTAL  "
              "USE\n"
              "box    ACTIVE      1      0.50       0.50   4.00  12%     512MB        0MB    2GB  "
              "25%\n"
              "\n"
              "FRAMEWORK  STATE   TASKS  CPU USED  ALLOCATED  MEM USED  ALLOCATED\n"
              "web        ACTIVE      1      0.50       0.00     512MB        0MB\n");
    // Started anew: less work than before is no negative use.
    view.now["S1"] = usage(1, 0, 0, 104);
    EXPECT_THAT(render_top(view, "cpu", false), HasSubstr("0.00       0.50"));
    view.now.clear();
    EXPECT_THAT(render_top(view, "name", false), HasSubstr("?"));
}

TEST(Top, SortsByWhatIsAskedFor) {
    TopView view;
    for (const std::string id : {"S1", "S2", "S3"}) {
        *view.agents.mutable_get_agents()->add_agents() = make_agent(id, "box-" + id);
        view.before[id][{"F", "e"}] = {0, 0, 0};
        view.now[id][{"F", "e"}] = {id == "S2" ? 9.0 : 1.0, id == "S3" ? 9e6 : 1e6, 10};
    }
    const auto first = [&view](const std::string& sort) {
        const std::string text = render_top(view, sort, false);
        return text.substr(text.find('\n') + 1, 6);
    };
    EXPECT_EQ(first("cpu"), "box-S2");
    EXPECT_EQ(first("mem"), "box-S3");
    EXPECT_EQ(first("name"), "box-S1");
}

}  // namespace
}  // namespace tepui::cli
