// The Docker containerizer against an Engine that behaves, and one that does not.

#include <gmock/gmock.h>
#include <gtest/gtest.h>
#include <signal.h>
#include <sys/wait.h>

#include <filesystem>
#include <fstream>
#include <future>
#include <sstream>

#include "base/temporary_directory_testing.h"
#include "containerizer/composing_containerizer.h"
#include "containerizer/docker/docker_containerizer.h"
#include "containerizer/docker/engine_testing.h"

namespace tepui::containerizer::docker {
namespace {

using ::testing::HasSubstr;
using Call = FakeEngine::Call;

constexpr std::chrono::seconds k_deadline{60};

class DockerTest : public ::testing::Test {
protected:
    struct Task {
        std::future<std::expected<Started, LaunchError>> started;
        std::future<Exited> exited;
    };

    DockerTest() {
        options_.work_dir = folder_.path() + "/work";
        options_.runtime_dir = folder_.path() + "/run";
        options_.docker.socket = folder_.path() + "/docker.sock";
        options_.docker.remove_delay = 0s;
        options_.docker.call_timeout = 20s;
        options_.docker.recover_timeout = 200ms;
        options_.switch_user = false;
        spec_.container = ContainerId("c-1");
        spec_.sandbox = options_.work_dir + "/sandbox";
        spec_.command.set_value("true");
        spec_.info.emplace();
        spec_.info->set_type(mesos::v1::ContainerInfo::DOCKER);
        spec_.info->mutable_docker()->set_image("busybox");
        spec_.mem_mb = 64;
    }
    void start_agent() {
        containerizer_.reset();
        auto made = DockerContainerizer::make(options_);
        ASSERT_TRUE(made) << made.error().text;
        containerizer_ = std::move(*made);
    }
    Task launch() {
        const auto started = std::make_shared<std::promise<std::expected<Started, LaunchError>>>();
        const auto exited = std::make_shared<std::promise<Exited>>();
        Task task{started->get_future(), exited->get_future()};
        containerizer_->launch(
            spec_, [started](auto result) { started->set_value(std::move(result)); },
            [exited](Exited end) { exited->set_value(std::move(end)); });
        return task;
    }
    template <typename T>
    static T get(std::future<T>& future) {
        if (future.wait_for(k_deadline) != std::future_status::ready)
            throw std::runtime_error("nothing was told");
        return future.get();
    }
    std::string error_of_launch() {
        Task task = launch();
        const auto started = get(task.started);
        return started ? "it started" : started.error().error.text;
    }
    std::string read(const std::string& name) const {
        std::ifstream in(spec_.sandbox + "/" + name);
        std::ostringstream out;
        out << in.rdbuf();
        return out.str();
    }

    const TemporaryDirectory folder_;
    Options options_;
    LaunchSpec spec_;
    FakeEngine engine_{folder_.path() + "/docker.sock"};
    std::unique_ptr<DockerContainerizer> containerizer_;
};

TEST_F(DockerTest, ATaskFromItsStartToItsEnd) {
    start_agent();
    ASSERT_TRUE(containerizer_->recover({}, {}));
    Task task = launch();
    const auto started = get(task.started);
    ASSERT_TRUE(started) << started.error().error.text;
    EXPECT_EQ(started->pid, 4242);
    EXPECT_EQ(started->status.network_infos(0).ip_addresses(0).ip_address(), "172.17.0.9");
    EXPECT_THAT(started->data, testing::StartsWith(R"([{"Id":"abc","State":{"Status":"running")"));
    EXPECT_THAT(started->data, testing::EndsWith("}]"));
    EXPECT_TRUE(containerizer_->knows(spec_.container));
    engine_.end(3);
    const Exited end = get(task.exited);
    EXPECT_EQ(end.status, std::optional(W_EXITCODE(3, 0)));
    EXPECT_FALSE(end.limit);
    EXPECT_EQ(read("stdout"), "hello\n");
    containerizer_->forget(spec_.container);
    EXPECT_TRUE(engine_.await("DELETE /containers/abc"));
    EXPECT_EQ(engine_.count("POST /images/create"), 0U) << "it was there already";
}

TEST_F(DockerTest, OutOfMemoryIsALimit) {
    start_agent();
    Task task = launch();
    ASSERT_TRUE(get(task.started));
    engine_.end(137, true);
    const Exited end = get(task.exited);
    ASSERT_TRUE(end.limit);
    EXPECT_EQ(end.limit->reason, mesos::v1::TaskStatus::REASON_CONTAINER_LIMITATION_MEMORY);
    EXPECT_EQ(end.limit->resources.resources(0).scalar().value(), 64);
}

TEST_F(DockerTest, Signals) {
    start_agent();
    Task task = launch();
    ASSERT_TRUE(get(task.started));
    containerizer_->signal(spec_.container, SIGTERM);
    EXPECT_EQ(get(task.exited).status, std::optional(W_EXITCODE(143, 0)));
    EXPECT_EQ(engine_.count("kill?signal=SIGTERM"), 1U);
}

TEST_F(DockerTest, FaultsOfTheEngineEndALaunchWithItsWords) {
    start_agent();
    engine_.set_fault([](const Call& call) -> std::optional<std::string> {
        if (call.path.starts_with("/images/busybox"))
            return FakeEngine::answer(404, R"({"message":"no such image"})");
        if (call.path.starts_with("/images/create"))
            return FakeEngine::answer(200,
                                      "{\"status\":\"Pulling\"}\r\n{\"error\":\"denied: x\"}\r\n");
        return std::nullopt;
    });
    EXPECT_THAT(error_of_launch(), HasSubstr("cannot pull the image 'busybox'"));
    EXPECT_THAT(error_of_launch(), HasSubstr("denied: x"));
    engine_.set_fault([](const Call& call) -> std::optional<std::string> {
        if (call.path.ends_with("/start"))
            return FakeEngine::answer(400, R"({"message":"exec: no such file"})");
        return std::nullopt;
    });
    EXPECT_EQ(error_of_launch(), "the Docker Engine: exec: no such file");
    EXPECT_TRUE(engine_.await("DELETE /containers/mesos-c-1")) << "what was created is removed";
    engine_.set_fault([](const Call& call) -> std::optional<std::string> {
        if (call.path.find("/create?name") != std::string::npos)
            return FakeEngine::answer(500, "not json");
        return std::nullopt;
    });
    EXPECT_THAT(error_of_launch(), HasSubstr("HTTP status 500"));
    EXPECT_FALSE(containerizer_->knows(spec_.container));
}

TEST_F(DockerTest, GarbageIsNoEngine) {
    start_agent();
    options_.docker.call_timeout = 1s;
    start_agent();
    engine_.set_fault([](const Call&) -> std::optional<std::string> { return "\x16\x03\x01 hi"; });
    EXPECT_THAT(error_of_launch(), HasSubstr("no answer in HTTP"));
}

TEST_F(DockerTest, NoAnswerIsNoEndAndAKillIsDeliveredLater) {
    start_agent();
    Task task = launch();
    ASSERT_TRUE(get(task.started));
    engine_.hang("/kill");
    containerizer_->signal(spec_.container, SIGKILL);
    ASSERT_TRUE(engine_.await("/kill"));
    // Everything else is answered meanwhile, by the agent too.
    EXPECT_FALSE(containerizer_->usage(ContainerId("other")));
    EXPECT_EQ(task.exited.wait_for(std::chrono::milliseconds(0)), std::future_status::timeout);
    engine_.resume();
    EXPECT_EQ(get(task.exited).status, std::optional(W_EXITCODE(137, 0)));
}

TEST_F(DockerTest, AHangingPullIsCancelled) {
    start_agent();
    engine_.hang("/images/");
    Task task = launch();
    ASSERT_TRUE(engine_.await("/images/"));
    containerizer_->signal(spec_.container, SIGKILL);
    const auto started = get(task.started);
    ASSERT_FALSE(started);
    EXPECT_EQ(started.error().error.code, Errc::cancelled);
    engine_.resume();
}

TEST_F(DockerTest, ALaterAgentTellsTheEndOnce) {
    start_agent();
    {
        Task task = launch();
        ASSERT_TRUE(get(task.started));
        containerizer_.reset();
    }
    engine_.end(5);
    start_agent();
    std::promise<Exited> told;
    const auto found = containerizer_->recover(
        {spec_.container}, [&](const ContainerId&, Exited end) { told.set_value(std::move(end)); });
    ASSERT_TRUE(found);
    ASSERT_EQ(found->size(), 1U);
    std::future<Exited> end = told.get_future();
    EXPECT_EQ(get(end).status, std::optional(W_EXITCODE(5, 0)));
    EXPECT_EQ(read("stdout"), "hello\n") << "neither lost nor doubled";
}

TEST_F(DockerTest, AnEngineThatDoesNotAnswerDelaysNothing) {
    start_agent();
    {
        Task task = launch();
        ASSERT_TRUE(get(task.started));
        containerizer_.reset();
    }
    engine_.hang("/");
    start_agent();
    std::promise<Exited> told;
    const auto found = containerizer_->recover(
        {spec_.container}, [&](const ContainerId&, Exited end) { told.set_value(std::move(end)); });
    ASSERT_TRUE(found);
    EXPECT_TRUE(found->at(0).running) << "what is not known is not ended";
    EXPECT_EQ(containerizer_->warnings().size(), 1U);
    engine_.resume();
    engine_.end(0);
    std::future<Exited> end = told.get_future();
    EXPECT_EQ(get(end).status, std::optional(0));
}

TEST_F(DockerTest, OrphansAreRemovedUnlessTheyAreToStay) {
    engine_.set_labels_of("nobodys", options_.work_dir);
    engine_.set_status("running");
    options_.docker.kill_orphans = false;
    start_agent();
    ASSERT_TRUE(containerizer_->recover({}, {}));
    EXPECT_EQ(engine_.count("DELETE"), 0U);
    options_.docker.kill_orphans = true;
    start_agent();
    ASSERT_TRUE(containerizer_->recover({}, {}));
    EXPECT_TRUE(engine_.await("DELETE /containers/abc"));
}

TEST_F(DockerTest, ContainersGoToWhoRunsTheirType) {
    options_.containerizers = {"docker"};
    auto made = make_composing(options_);
    ASSERT_TRUE(made) << made.error().text;
    std::promise<std::expected<Started, LaunchError>> told;
    auto future = told.get_future();
    LaunchSpec plain = spec_;
    plain.info.reset();
    (*made)->launch(
        plain, [&](auto result) { told.set_value(std::move(result)); }, [](const Exited&) {});
    const auto refused = get(future);
    ASSERT_FALSE(refused);
    EXPECT_THAT(refused.error().error.text, HasSubstr("need 'mesos' in --containerizers"));
    options_.containerizers = {"docker", "appc"};
    EXPECT_FALSE(make_composing(options_));
    options_.containerizers = {"docker"};
    options_.docker.socket = std::string(200, 'x');
    EXPECT_FALSE(make_composing(options_));
}

}  // namespace
}  // namespace tepui::containerizer::docker
