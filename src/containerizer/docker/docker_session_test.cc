// Commands in a Docker container that somebody talks to, against an Engine of the test's.

#include <gmock/gmock.h>
#include <gtest/gtest.h>
#include <poll.h>
#include <signal.h>
#include <sys/wait.h>
#include <unistd.h>

#include <future>
#include <thread>

#include "base/temporary_directory_testing.h"
#include "containerizer/composing_containerizer.h"
#include "containerizer/docker/docker_containerizer.h"
#include "containerizer/docker/engine_testing.h"

namespace tepui::containerizer::docker {
namespace {

using ::testing::HasSubstr;
using Call = FakeEngine::Call;

constexpr int k_deadline_ms = 60'000;

/// What comes until `end`, or until nothing more does.
std::string read_until(int descriptor, const std::string& end) {
    std::string text;
    pollfd ready{descriptor, POLLIN, 0};
    while ((end.empty() || text.find(end) == std::string::npos) &&
           ::poll(&ready, 1, k_deadline_ms) > 0) {
        char buffer[512];
        const ssize_t got = ::read(descriptor, buffer, sizeof buffer);
        if (got <= 0) break;
        text.append(buffer, static_cast<std::size_t>(got));
    }
    return text;
}

class DockerSession : public ::testing::Test {
protected:
    DockerSession() {
        options_.work_dir = folder_.path() + "/work";
        options_.runtime_dir = folder_.path() + "/run";
        options_.docker.socket = folder_.path() + "/docker.sock";
        options_.docker.remove_delay = 0s;
        options_.containerizers = {"docker"};
        options_.switch_user = false;
        session_.session = ContainerId("c-1.s");
        session_.parent = ContainerId("c-1");
        session_.command.set_value("cat");
    }
    void SetUp() override {
        ::signal(SIGPIPE, SIG_IGN);  // As daemons do.
        auto made = make_composing(options_);
        ASSERT_TRUE(made) << made.error().text;
        containerizer_ = std::move(*made);
        LaunchSpec spec;
        spec.container = ContainerId("c-1");
        spec.sandbox = options_.work_dir + "/sandbox";
        spec.command.set_value("true");
        spec.info.emplace();
        spec.info->set_type(mesos::v1::ContainerInfo::DOCKER);
        spec.info->mutable_docker()->set_image("busybox");
        std::promise<bool> told;
        containerizer_->launch(
            spec, [&](const auto& result) { told.set_value(result.has_value()); },
            [this](const Exited&) { task_ended_.set_value(); });
        ASSERT_TRUE(told.get_future().get());
    }
    Result<SessionPipes> open() {
        const auto told = std::make_shared<std::promise<Result<SessionPipes>>>();
        ended_ = std::promise<Exited>();
        containerizer_->open_session(
            session_, [told](Result<SessionPipes> pipes) { told->set_value(std::move(pipes)); },
            [this](Exited end) { ended_.set_value(std::move(end)); });
        return told->get_future().get();
    }
    Exited end() {
        auto future = ended_.get_future();
        if (future.wait_for(std::chrono::milliseconds(k_deadline_ms)) != std::future_status::ready)
            throw std::runtime_error("no end was told");
        return future.get();
    }
    static void write_all(const Descriptor& to, const std::string& text) {
        ASSERT_EQ(::write(to.get(), text.data(), text.size()), static_cast<ssize_t>(text.size()));
    }

    TemporaryDirectory folder_;
    Options options_;
    SessionSpec session_;
    FakeEngine engine_{folder_.path() + "/docker.sock"};
    std::promise<Exited> ended_;
    std::promise<void> task_ended_;
    std::unique_ptr<Containerizer> containerizer_;
};

TEST_F(DockerSession, TalksOverPipesAndEndsWithItsStatus) {
    Result<SessionPipes> pipes = open();
    ASSERT_TRUE(pipes) << pipes.error().text;
    EXPECT_FALSE(pipes->terminal);
    EXPECT_FALSE(pipes->resize);
    EXPECT_EQ(read_until(pipes->output.get(), "ready\n"), "ready\n");
    write_all(pipes->input, "hello\n");
    EXPECT_EQ(read_until(pipes->output.get(), "hello\n"), "hello\n");
    pipes->input = Descriptor();
    EXPECT_EQ(read_until(pipes->errors.get(), ""), "bye\n");
    EXPECT_EQ(read_until(pipes->output.get(), ""), "");
    EXPECT_EQ(end().status, std::optional(W_EXITCODE(7, 0)));
}

TEST_F(DockerSession, ATerminalHasASizeThatChanges) {
    session_.terminal = true;
    session_.rows = 24;
    session_.columns = 80;
    Result<SessionPipes> pipes = open();
    ASSERT_TRUE(pipes) << pipes.error().text;
    EXPECT_TRUE(pipes->terminal);
    EXPECT_EQ(engine_.count("/exec/ex/resize?h=24&w=80"), 1u);
    ASSERT_TRUE(pipes->resize);
    pipes->resize(30, 100);
    EXPECT_TRUE(engine_.await("/exec/ex/resize?h=30&w=100"));
    EXPECT_EQ(read_until(pipes->output.get(), "ready\n"), "ready\n");
    write_all(pipes->input, "typed");
    EXPECT_EQ(read_until(pipes->output.get(), "typed"), "typed");
    write_all(pipes->input, "q");
    EXPECT_EQ(read_until(pipes->output.get(), ""), "bye\n");
    EXPECT_EQ(end().status, std::optional(W_EXITCODE(7, 0)));
}

TEST_F(DockerSession, OneWhoReadsNoMoreDoesNotKeepItFromItsEnd) {
    Result<SessionPipes> pipes = open();
    ASSERT_TRUE(pipes) << pipes.error().text;
    pipes->output = Descriptor();
    pipes->errors = Descriptor();
    write_all(pipes->input, "hello\n");
    pipes->input = Descriptor();
    EXPECT_EQ(end().status, std::optional(W_EXITCODE(7, 0)));
    EXPECT_TRUE(open()) << "its name is free again";
}

TEST_F(DockerSession, WordsThatNobodyTakesDoNotHoldUpTheEnd) {
    Result<SessionPipes> pipes = open();
    ASSERT_TRUE(pipes) << pipes.error().text;
    // More than a pipe and two sockets hold, said back and never read.
    std::jthread writer([input = pipes->input.get()] {
        const std::string many(100'000, 'x');
        for (int i = 0; i < 50 && ::write(input, many.data(), many.size()) > 0; ++i) {
        }
    });
    ASSERT_TRUE(engine_.await("/exec/ex/json"));
    engine_.end(137);  // The container's end, which takes what is left of its sessions along.
    writer.join();
    pipes->input = Descriptor();
    EXPECT_EQ(end().status, std::optional(W_EXITCODE(7, 0)));
}

TEST_F(DockerSession, RefusalsAreTheEnginesWords) {
    engine_.set_fault([](const Call& call) -> std::optional<std::string> {
        if (call.path.find("/exec/ex/start") == std::string::npos) return {};
        return FakeEngine::answer(409, R"({"message":"container abc is paused"})");
    });
    const Result<SessionPipes> refused = open();
    ASSERT_FALSE(refused);
    EXPECT_THAT(refused.error().text, HasSubstr("container abc is paused"));
    engine_.set_fault([](const Call& call) -> std::optional<std::string> {
        if (call.path.find("/exec/ex/start") == std::string::npos) return {};
        return "what is this\r\n\r\n";
    });
    const Result<SessionPipes> garbage = open();
    ASSERT_FALSE(garbage);
    EXPECT_THAT(garbage.error().text, HasSubstr("no HTTP"));
}

TEST_F(DockerSession, WhatCannotBeIsSaid) {
    session_.parent = ContainerId("other");
    EXPECT_THAT(open().error().text, HasSubstr("'other' does not run"));
    session_.parent = ContainerId("c-1");
    auto* secret = session_.command.mutable_environment()->add_variables();
    secret->set_name("KEY");
    secret->set_type(mesos::v1::Environment::Variable::SECRET);
    secret->mutable_secret()->set_type(mesos::v1::Secret::VALUE);
    secret->mutable_secret()->mutable_value()->set_data("hidden");
    EXPECT_THAT(open().error().text, HasSubstr("can't have secrets"));
    EXPECT_EQ(engine_.count("/exec"), 0u);
}

}  // namespace
}  // namespace tepui::containerizer::docker
