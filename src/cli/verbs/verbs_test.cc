#include "cli/verbs/verbs.h"

#include <atomic>

#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include "cli/client/find_task.h"
#include "cli/client/master_api.h"
#include "cli/verbs/get_query.h"
#include "cli/verbs/local_cluster.h"
#include "http/server.h"
#include "wire/media.h"

namespace tepui::cli {
namespace {

using testing::ElementsAre;
using testing::HasSubstr;

mesos::v1::Task task(const std::string& id, const std::string& name, mesos::v1::TaskState state,
                     double timestamp = 0) {
    mesos::v1::Task task;
    task.mutable_task_id()->set_value(id);
    task.set_name(name);
    task.mutable_framework_id()->set_value("F");
    task.mutable_agent_id()->set_value("S1");
    task.set_state(state);
    auto* status = task.add_statuses();
    status->mutable_task_id()->set_value(id);
    status->set_state(state);
    status->set_timestamp(timestamp);
    return task;
}

TEST(FindTask, ByIdPrefixAndName) {
    const std::vector<mesos::v1::Task> tasks = {
        task("web-1", "web", mesos::v1::TASK_RUNNING),
        task("web-10", "other", mesos::v1::TASK_RUNNING),
        task("db-7", "db", mesos::v1::TASK_FINISHED, 10),
        task("db-8", "db", mesos::v1::TASK_FAILED, 20),
        task("x-1", "twin", mesos::v1::TASK_RUNNING),
        task("x-2", "twin", mesos::v1::TASK_RUNNING),
        task("y-1", "again", mesos::v1::TASK_FAILED, 9),
        task("y-2", "again", mesos::v1::TASK_RUNNING, 1),
    };
    const std::vector<std::pair<std::string, std::string>> found = {
        {"web-1", "web-1"}, {"web-10", "web-10"}, {"web", "web-1"}, {"db-7", "db-7"},
        {"db", "db-8"},     {"again", "y-2"},     {"y-1", "y-1"},
    };
    for (const auto& [wanted, id] : found) {
        const auto result = find_task(tasks, wanted);
        ASSERT_TRUE(result) << wanted << ": " << result.error().text;
        EXPECT_EQ(result->task_id().value(), id) << wanted;
    }
    for (const std::string wanted : {"twin", "x-", "x"}) {
        const auto result = find_task(tasks, wanted);
        ASSERT_FALSE(result) << wanted;
        EXPECT_EQ(result.error().code, Errc::conflict);
        EXPECT_THAT(result.error().text, HasSubstr("x-1, x-2"));
    }
    const auto missing = find_task(tasks, "twim");
    ASSERT_FALSE(missing);
    EXPECT_EQ(missing.error().code, Errc::not_found);
    EXPECT_THAT(missing.error().text, HasSubstr("did you mean 'twin'?"));
}

ClusterView view() {
    ClusterView view;
    auto* agent = view.agents.mutable_get_agents()->add_agents();
    agent->mutable_agent_info()->set_hostname("box");
    agent->mutable_agent_info()->mutable_id()->set_value("S1");
    agent->set_active(true);
    agent->set_pid("slave(1)@10.0.0.5:5051");
    const auto add = [](auto* list, const std::string& name, double value) {
        auto* resource = list->Add();
        resource->set_name(name);
        resource->set_type(mesos::v1::Value::SCALAR);
        resource->mutable_scalar()->set_value(value);
    };
    add(agent->mutable_total_resources(), "cpus", 4);
    add(agent->mutable_total_resources(), "mem", 2048);
    add(agent->mutable_allocated_resources(), "cpus", 1.5);
    *view.tasks.mutable_get_tasks()->add_tasks() = task("web-1", "web", mesos::v1::TASK_RUNNING);
    *view.tasks.mutable_get_tasks()->add_completed_tasks() =
        task("old-1", "old", mesos::v1::TASK_FINISHED);
    auto* framework = view.frameworks.mutable_get_frameworks()->add_frameworks();
    framework->mutable_framework_info()->set_name("marathon");
    framework->mutable_framework_info()->mutable_id()->set_value("F");
    framework->mutable_framework_info()->add_roles("dev");
    framework->set_active(true);
    framework->set_connected(true);
    return view;
}

std::vector<std::string> texts(const Listed& item) {
    std::vector<std::string> list;
    for (const auto& cell : item.row) list.push_back(cell.text);
    return list;
}

TEST(GetTables, Rows) {
    const ClusterView all = view();
    EXPECT_THAT(texts(list_agents(all, false).items.at(0)),
                ElementsAre("S1", "box", "ACTIVE", "1.5/4", "0MB/2GB", "0MB/0MB"));
    const Listing wide = list_agents(all, true);
    EXPECT_EQ(wide.items.at(0).row.size(), wide.columns.size());
    EXPECT_THAT(texts(wide.items.at(0)), testing::Contains("10.0.0.5:5051"));
    EXPECT_THAT(texts(list_frameworks(all, false, false).items.at(0)),
                ElementsAre("F", "marathon", "dev", "ACTIVE", "1", "0", "0MB"));
    EXPECT_THAT(texts(list_tasks(all, false, false).items.at(0)),
                ElementsAre("web-1", "web", "RUNNING", "marathon", "box", "0", "0MB"));
}

TEST(GetTables, EndedTasksOnlyWhenAsked) {
    EXPECT_EQ(list_tasks(view(), false, false).items.size(), 1U);
    EXPECT_EQ(list_tasks(view(), true, true).items.size(), 2U);
}

TEST(GetTables, SelectByPrefixOrName) {
    const auto by_prefix = select(list_tasks(view(), false, true), {"ol"}, "tasks");
    ASSERT_TRUE(by_prefix);
    EXPECT_EQ(by_prefix->items.at(0).id, "old-1");
    const auto by_name = select(list_agents(view(), false), {"box"}, "agents");
    ASSERT_TRUE(by_name);
    EXPECT_EQ(by_name->items.size(), 1U);
    const auto missing = select(list_agents(view(), false), {"nobody"}, "agents");
    ASSERT_FALSE(missing);
    EXPECT_EQ(missing.error().code, Errc::not_found);
}

TEST(GetTables, Megabytes) {
    EXPECT_EQ(format_megabytes(0), "0MB");
    EXPECT_EQ(format_megabytes(512), "512MB");
    EXPECT_EQ(format_megabytes(1536), "1.5GB");
    EXPECT_EQ(format_megabytes(2048), "2GB");
    EXPECT_EQ(format_megabytes(3.0 * 1024 * 1024), "3TB");
}

TEST(RunSpec, SizesOfTable) {
    const std::vector<std::pair<std::string, double>> good = {
        {"512MB", 512}, {"512", 512},  {"512m", 512},   {"1.5GB", 1536},
        {"1g", 1024},   {"2048KB", 2}, {"1TB", 1048576}};
    for (const auto& [text, megabytes] : good) {
        const auto size = parse_megabytes(text);
        ASSERT_TRUE(size) << text;
        EXPECT_EQ(size->to_double(), megabytes) << text;
    }
    for (const std::string bad : {"", "MB", "12PB", "1,5GB", "-5MB", "1e99TB", "5 GB"}) {
        EXPECT_FALSE(parse_megabytes(bad)) << bad;
    }
}

Result<RunSpec> spec_of(std::vector<std::string> arguments) {
    static const Verb verb = run_verb();
    const auto parsed = parse_flags(
        verb.flags, arguments, [](const std::string&) -> std::optional<std::string> { return {}; });
    if (!parsed) return std::unexpected(parsed.error());
    return make_run_spec(*parsed, "me", "here", "id");
}

TEST(RunSpec, OneWordGoesThroughTheShell) {
    const auto one = spec_of({"echo hi | cat"});
    ASSERT_TRUE(one);
    EXPECT_TRUE(one->command.shell());
    EXPECT_EQ(one->command.value(), "echo hi | cat");
    EXPECT_EQ(one->name, "echo");
    const auto many = spec_of({"--", "/bin/echo", "a b"});
    ASSERT_TRUE(many);
    EXPECT_FALSE(many->command.shell());
    EXPECT_EQ(many->command.value(), "/bin/echo");
    EXPECT_THAT(std::vector<std::string>(many->command.arguments().begin(),
                                         many->command.arguments().end()),
                ElementsAre("/bin/echo", "a b"));
    const auto forced = spec_of({"--shell", "--", "echo", "$HOME"});
    ASSERT_TRUE(forced);
    EXPECT_EQ(forced->command.value(), "echo $HOME");
    const auto plain = spec_of({"--no-shell", "--", "true"});
    ASSERT_TRUE(plain);
    EXPECT_FALSE(plain->command.shell());
}

TEST(RunSpec, AllOptions) {
    const auto spec = spec_of({"--cpus=2", "-m", "1GB", "--disk=10GB", "--gpus=1", "-n3",
                               "--name=web", "--env", "A=b=c", "--uri=http://x/y", "--user=you",
                               "--role=prod", "--timeout=5mins", "--", "run"});
    ASSERT_TRUE(spec) << spec.error().text;
    EXPECT_EQ(spec->needs, (Needs{{"cpus", Quantity{2000}},
                                  {"mem", Quantity{1'024'000}},
                                  {"disk", Quantity{10'240'000}},
                                  {"gpus", Quantity{1000}}}));
    EXPECT_EQ(spec->instances, 3U);
    EXPECT_EQ(spec->name, "web");
    EXPECT_EQ(spec->user, "you");
    EXPECT_EQ(spec->role, "prod");
    EXPECT_EQ(spec->timeout, Duration(5min));
    EXPECT_EQ(spec->command.environment().variables(0).name(), "A");
    EXPECT_EQ(spec->command.environment().variables(0).value(), "b=c");
    EXPECT_EQ(spec->command.uris(0).value(), "http://x/y");
    EXPECT_FALSE(spec_of({"--gpus=0.5", "x"}));
    EXPECT_FALSE(spec_of({"--cpus=0", "--memory=0", "x"}));
}

TEST(WorkDir, DefaultsFollowXdg) {
    Console console;
    std::map<std::string, std::string> variables = {{"HOME", "/home/me"}};
    console.environment = [&](const std::string& name) -> std::optional<std::string> {
        const auto it = variables.find(name);
        if (it == variables.end()) return std::nullopt;
        return it->second;
    };
    EXPECT_EQ(default_work_dir(console, 0), "/var/lib/tepui");
    EXPECT_EQ(default_work_dir(console, 1000), "/home/me/.local/state/tepui");
    variables["XDG_STATE_HOME"] = "/state";
    EXPECT_EQ(default_work_dir(console, 1000), "/state/tepui");
}

/// A master that answers GET_* from a view, takes kills, and one that sends everybody to it.
class FakeMaster : public testing::Test {
protected:
    FakeMaster() {
        http::Router router;
        router.add("/api/v1", {"POST"},
                   [this](http::Request request) -> asio::awaitable<http::Response> {
                       co_return answer(request);
                   });
        router.add("/tepui/kill-task", {"POST"},
                   [this](http::Request request) -> asio::awaitable<http::Response> {
                       killed_ = request.body;
                       co_return http::Response::empty(202);
                   });
        server_ = std::make_unique<http::Server>(http::ServerOptions{}, std::move(router));
        EXPECT_TRUE(server_->start());
        http::Router redirects;
        for (const std::string path : {"/api/v1", "/tepui/kill-task"}) {
            redirects.add(
                path, {"POST"}, [this](http::Request request) -> asio::awaitable<http::Response> {
                    http::Response response = http::Response::empty(307);
                    response.headers.set("Location", fmt::format("//127.0.0.1:{}{}",
                                                                 server_->port(), request.target));
                    co_return response;
                });
        }
        redirecting_ = std::make_unique<http::Server>(http::ServerOptions{}, std::move(redirects));
        EXPECT_TRUE(redirecting_->start());
        console_.out = [this](std::string_view text) { out_ += text; };
        console_.err = [this](std::string_view text) { err_ += text; };
        console_.environment = [this](const std::string& name) -> std::optional<std::string> {
            if (name != "TEPUI_MASTER") return std::nullopt;
            return fmt::format("127.0.0.1:{}", redirecting_->port());
        };
    }

    http::Response answer(const http::Request& request) {
        mesos::v1::master::Call call;
        EXPECT_TRUE(wire::decode(wire::Media::protobuf, request.body, call));
        const ClusterView all = view();
        if (call.type() == mesos::v1::master::Call::TEARDOWN) {
            torn_down_ = call.teardown().framework_id().value() == "F";
        }
        if (call.type() == mesos::v1::master::Call::MARK_AGENT_GONE) {
            gone_ = call.mark_agent_gone().agent_id().value();
        }
        mesos::v1::master::Response message;
        if (call.type() == mesos::v1::master::Call::GET_AGENTS) message = all.agents;
        if (call.type() == mesos::v1::master::Call::GET_TASKS) message = all.tasks;
        if (call.type() == mesos::v1::master::Call::GET_FRAMEWORKS) message = all.frameworks;
        if (call.type() == mesos::v1::master::Call::GET_ROLES)
            return http::Response::text(403, "not you");
        // Left out of view(), required on the wire.
        for (auto& agent : *message.mutable_get_agents()->mutable_agents()) agent.set_version("1");
        for (auto& framework : *message.mutable_get_frameworks()->mutable_frameworks()) {
            framework.set_recovered(false);
            framework.mutable_framework_info()->set_user("u");
        }
        http::Response response =
            http::Response::text(200, wire::encode(wire::Media::protobuf, message));
        response.headers.set("Content-Type", std::string(wire::media_protobuf));
        return response;
    }

    int run(std::vector<std::string> arguments) {
        const std::vector<Verb> verbs = {get_verb(),      kill_verb(), logs_verb(),    run_verb(),
                                         describe_verb(), gone_verb(), teardown_verb()};
        return run_program(verbs, arguments, console_);
    }

    std::unique_ptr<http::Server> server_;
    std::unique_ptr<http::Server> redirecting_;
    Console console_;
    std::string out_;
    std::string err_;
    std::string killed_;
    std::atomic<bool> torn_down_ = false;
    std::string gone_;
};

TEST_F(FakeMaster, GetFollowsTheRedirectToTheLeader) {
    EXPECT_EQ(run({"get", "tasks"}), 0) << err_;
    EXPECT_THAT(out_, HasSubstr("web-1"));
    EXPECT_THAT(out_, HasSubstr("marathon"));
    EXPECT_THAT(out_, testing::Not(HasSubstr("old-1")));
}

TEST_F(FakeMaster, GetAsJsonAndNames) {
    EXPECT_EQ(run({"get", "agents", "-o", "json"}), 0) << err_;
    EXPECT_THAT(out_, testing::StartsWith("[{\"agent_info\":{"));
    EXPECT_THAT(out_, testing::EndsWith("}]\n"));
    out_.clear();
    EXPECT_EQ(run({"get", "tasks", "-a", "-o", "name"}), 0) << err_;
    EXPECT_EQ(out_, "web-1\nold-1\n");
}

TEST_F(FakeMaster, ExitCodesTellDeniedAndNotFound) {
    EXPECT_EQ(run({"get", "roles"}), 5);
    EXPECT_THAT(err_, HasSubstr("not you"));
    EXPECT_EQ(run({"get", "tasks", "nothing"}), 3);
    EXPECT_EQ(run({"kill", "nothing"}), 3);
    EXPECT_EQ(run({"logs", "nothing"}), 3);
}

TEST_F(FakeMaster, KillNamesFrameworkAndTask) {
    EXPECT_EQ(run({"kill", "web"}), 0) << err_;
    EXPECT_EQ(killed_, R"({"framework_id":"F","task_id":"web-1"})");
    EXPECT_EQ(out_, "web-1\n");
    EXPECT_EQ(run({"kill", "old"}), 1);
    EXPECT_THAT(err_, HasSubstr("TASK_FINISHED"));
}

TEST_F(FakeMaster, NobodyThereIsSaidWithTheAddress) {
    redirecting_->stop();
    EXPECT_EQ(run({"get", "agents"}), 1);
    EXPECT_THAT(err_, HasSubstr("127.0.0.1"));
    EXPECT_THAT(err_, HasSubstr("  try: tepui up"));
}

TEST_F(FakeMaster, GetAsYamlAndJsonPath) {
    EXPECT_EQ(run({"get", "tasks", "-o", "jsonpath={[*].task_id.value}"}), 0) << err_;
    EXPECT_EQ(out_, "web-1\n");
    out_.clear();
    EXPECT_EQ(run({"get", "agents", "-o", "yaml"}), 0) << err_;
    EXPECT_THAT(out_, testing::StartsWith("- agent_info:\n    hostname: box\n"));
}

TEST_F(FakeMaster, DescribeFindsByPrefixAndNameAndSaysWhatIsMissing) {
    EXPECT_EQ(run({"describe", "task", "web"}), 0) << err_;
    EXPECT_THAT(out_, HasSubstr("Framework:  marathon (F)"));
    EXPECT_THAT(out_, HasSubstr("its agent does not answer"));
    out_.clear();
    EXPECT_EQ(run({"describe", "agent", "box", "-o", "name"}), 0) << err_;
    EXPECT_EQ(out_, "S1\n");
    EXPECT_EQ(run({"describe", "framework", "marathn"}), 3);
    EXPECT_THAT(err_, HasSubstr("did you mean 'marathon'?"));
}

TEST_F(FakeMaster, TeardownAsksFirst) {
    EXPECT_EQ(run({"teardown", "marathon"}), 2);
    EXPECT_THAT(err_, HasSubstr("no terminal to ask; say --yes"));
    console_.in_is_terminal = true;
    std::string answer = "n";
    console_.read_line = [&answer] { return answer; };
    err_.clear();
    EXPECT_EQ(run({"teardown", "marathon"}), 1);
    EXPECT_THAT(err_, HasSubstr("Remove framework marathon (F) and kill its 1 task?"));
    EXPECT_THAT(err_, HasSubstr("nothing was done"));
    EXPECT_FALSE(torn_down_);
    answer = "y";
    EXPECT_EQ(run({"teardown", "marathon"}), 0);
    EXPECT_TRUE(torn_down_);
    EXPECT_EQ(out_, "F\n");
}

TEST_F(FakeMaster, GoneSaysThatItIsForEver) {
    console_.in_is_terminal = true;
    console_.read_line = [] { return "yes"; };
    EXPECT_EQ(run({"gone", "box"}), 0) << err_;
    EXPECT_THAT(err_, HasSubstr("gone for ever?"));
    EXPECT_EQ(gone_, "S1");
    EXPECT_EQ(run({"gone", "--yes", "nobody"}), 3);
    EXPECT_EQ(run({"gone", "--yes", "e1e2-S7"}), 0) << err_;
    EXPECT_EQ(gone_, "e1e2-S7");
}

TEST(WatchedRows, PrintsWhatIsNewOrChanged) {
    GetQuery query;
    query.kind = "tasks";
    WatchedRows rows(query);
    ClusterView now = view();
    const auto ids = [](const Result<Listing>& listing) {
        std::vector<std::string> list;
        for (const Listed& item : listing->items) list.push_back(item.id);
        return list;
    };
    EXPECT_THAT(ids(rows.changed(now)), ElementsAre("web-1"));
    EXPECT_THAT(ids(rows.changed(now)), testing::IsEmpty());
    // A task that was seen alive is shown once more when it has ended; old ones never are.
    auto* tasks = now.tasks.mutable_get_tasks();
    *tasks->add_completed_tasks() = task("web-1", "web", mesos::v1::TASK_KILLED);
    tasks->clear_tasks();
    *tasks->add_tasks() = task("web-2", "web", mesos::v1::TASK_STAGING);
    EXPECT_THAT(ids(rows.changed(now)), ElementsAre("web-2", "web-1"));
    EXPECT_THAT(ids(rows.changed(now)), testing::IsEmpty());
}

}  // namespace
}  // namespace tepui::cli
