// Sessions, terminals and containers within containers, with real processes.

#include <fcntl.h>
#include <poll.h>
#include <signal.h>
#include <sys/socket.h>

#include <mutex>
#include <semaphore>

#include "containerizer/containerizer_fixture.h"
#include "containerizer/session.h"

namespace tepui::containerizer {
namespace {

/// A session and what it says.
struct Talk {
    std::future<Result<SessionPipes>> opened;
    std::future<Exited> exited;
    SessionPipes pipes;

    bool open() {
        if (opened.wait_for(k_deadline) != std::future_status::ready) return false;
        auto got = opened.get();
        EXPECT_TRUE(got.has_value()) << got.error().text;
        if (got) pipes = std::move(*got);
        return got.has_value();
    }
    Exited end() {
        if (exited.wait_for(k_deadline) == std::future_status::ready) return exited.get();
        ADD_FAILURE() << "the end of a session was not told";
        return {};
    }
};

/// Everything until the end; of a terminal that is an error.
std::string read_all(int file) {
    std::string all;
    char buffer[4096];
    for (;;) {
        const ssize_t got = ::read(file, buffer, sizeof buffer);
        if (got < 0 && errno == EINTR) continue;
        if (got <= 0) return all;
        all.append(buffer, static_cast<std::size_t>(got));
    }
}

/// Until `wanted` came.
std::string read_until(int file, const std::string& wanted) {
    std::string all;
    char buffer[4096];
    while (all.find(wanted) == std::string::npos) {
        pollfd readable{file, POLLIN, 0};
        if (::poll(&readable, 1, 60'000) != 1) break;
        const ssize_t got = ::read(file, buffer, sizeof buffer);
        if (got <= 0) break;
        all.append(buffer, static_cast<std::size_t>(got));
    }
    return all;
}

void say(int file, const std::string& text) {
    ASSERT_EQ(::write(file, text.data(), text.size()), static_cast<ssize_t>(text.size()));
}

class SessionTest : public ContainerizerTest {
protected:
    Talk talk(const std::string& parent, const std::string& command, bool terminal = false,
              const std::string& name = "talk") {
        SessionSpec spec{.session = ContainerId{parent + "." + name},
                         .parent = ContainerId{parent},
                         .command = {},
                         .user = "",
                         .terminal = terminal,
                         .rows = 30,
                         .columns = 100};
        spec.command.set_value(command);
        auto opened = std::make_shared<std::promise<Result<SessionPipes>>>();
        auto exited = std::make_shared<std::promise<Exited>>();
        Talk talk{opened->get_future(), exited->get_future(), {}};
        containerizer_->open_session(
            std::move(spec),
            [opened](Result<SessionPipes> pipes) { opened->set_value(std::move(pipes)); },
            [exited](Exited end) { exited->set_value(std::move(end)); });
        return talk;
    }
    /// A task that has reached its command.
    Task running(LaunchSpec spec) {
        Task task = launch(std::move(spec));
        const auto begun = task.await_started();
        EXPECT_TRUE(begun.has_value()) << begun.error().error.text;
        return task;
    }
    /// A new agent that takes over these, all of which must run; their ends go to order_.
    void restart_keeping(const std::vector<ContainerId>& ids) {
        restart();
        auto found = containerizer_->recover(ids, [this](const ContainerId& id, const Exited&) {
            {
                const std::lock_guard lock(mutex_);
                order_.push_back(id.value);
            }
            ended_.release();
        });
        ASSERT_TRUE(found.has_value());
        for (const Found& each : *found) EXPECT_TRUE(each.running) << each.container.value;
    }
    std::mutex mutex_;
    std::vector<std::string> order_;
    std::counting_semaphore<> ended_{0};

    void end(Task& task) {
        containerizer_->destroy(task.id);
        task.await_exited();
        containerizer_->forget(task.id);
    }
};

TEST_F(SessionTest, HasWhatTheTaskHas) {
    LaunchSpec what = spec("t", "exec sleep 1000");
    what.environment["COLOUR"] = "green";
    Task task = running(std::move(what));
    Talk talk =
        this->talk("t", "echo $COLOUR; pwd; readlink /proc/1/ns/pid; cat; echo no >&2; exit 3");
    ASSERT_TRUE(talk.open());
    say(talk.pipes.input.get(), "typed\n");
    talk.pipes.input = {};
    const std::string out = read_all(talk.pipes.output.get());
    EXPECT_NE(out.find("green\n" + task.sandbox + "\npid:["), std::string::npos) << out;
    EXPECT_NE(out.find("typed\n"), std::string::npos) << out;
    EXPECT_EQ(out.find(std::filesystem::read_symlink("/proc/self/ns/pid").string()),
              std::string::npos)
        << "it is in the task's pid namespace";
    EXPECT_EQ(read_all(talk.pipes.errors.get()), "no\n");
    EXPECT_EQ(talk.end().status, 3 << 8);
    end(task);
}

TEST_F(SessionTest, EndsWithAllThatItStarted) {
    Task task = running(spec("t", "exec sleep 1000"));
    const std::string fifo = make_fifo("ready");
    Talk talk = this->talk("t", "setsid sleep 997 & sleep 998 & echo x > " + fifo + "; wait");
    ASSERT_TRUE(talk.open());
    await_line(fifo);
    containerizer_->signal(ContainerId{"t.talk"}, SIGKILL);
    EXPECT_EQ(talk.end().status, SIGKILL);
    // The pipe's last writer is gone: nothing of the session is left.
    EXPECT_EQ(read_all(talk.pipes.output.get()), "");
    end(task);
}

TEST_F(SessionTest, TakesSignals) {
    Task task = running(spec("t", "exec sleep 1000"));
    Talk talk =
        this->talk("t", "trap 'echo got; exit 7' USR1; echo ready; while :; do sleep 0.01; done");
    ASSERT_TRUE(talk.open());
    EXPECT_EQ(read_until(talk.pipes.output.get(), "ready\n"), "ready\n");
    containerizer_->signal(ContainerId{"t.talk"}, SIGUSR1);
    EXPECT_EQ(read_all(talk.pipes.output.get()), "got\n");
    EXPECT_EQ(talk.end().status, 7 << 8);
    end(task);
}

TEST_F(SessionTest, EndsWithItsContainerAndWithTheAgent) {
    Task task = running(spec("t", "exec sleep 1000"));
    Talk first = this->talk("t", "exec sleep 996");
    ASSERT_TRUE(first.open());
    containerizer_.reset();
    EXPECT_EQ(read_all(first.pipes.output.get()), "") << "it ends";
    start();
    auto found = containerizer_->recover({ContainerId{"t"}}, [](const auto&, const auto&) {});
    ASSERT_TRUE(found.has_value());
    EXPECT_TRUE((*found)[0].running) << "the task lives on";
    Talk second = this->talk("t", "exec sleep 995");
    ASSERT_TRUE(second.open());
    containerizer_->destroy(ContainerId{"t"});
    second.end();
    EXPECT_EQ(read_all(second.pipes.output.get()), "");
    containerizer_.reset();
    reap_former_shims();
    start();
    ASSERT_TRUE(containerizer_->recover({}, [](const auto&, const auto&) {}).has_value());
}

TEST_F(SessionTest, HasATerminal) {
    Task task = running(spec("t", "exec sleep 1000"));
    Talk talk = this->talk("t", "tty; stty size; read line; echo got:$line; exit 5", true);
    ASSERT_TRUE(talk.open());
    const int terminal = talk.pipes.output.get();
    const std::string first = read_until(terminal, "30 100");
    EXPECT_NE(first.find("/dev/pts/"), std::string::npos) << first;
    say(terminal, "hello\n");
    EXPECT_NE(read_all(terminal).find("got:hello"), std::string::npos);
    EXPECT_EQ(talk.end().status, 5 << 8);
    end(task);
}

TEST_F(SessionTest, ItsTerminalSendsInterrupts) {
    Task task = running(spec("t", "exec sleep 1000"));
    Talk talk =
        this->talk("t", "trap 'exit 9' INT; echo ready; while :; do sleep 0.01; done", true);
    ASSERT_TRUE(talk.open());
    read_until(talk.pipes.output.get(), "ready");
    say(talk.pipes.output.get(), "\x03");
    EXPECT_EQ(talk.end().status, 9 << 8);
    end(task);
}

TEST_F(SessionTest, RefusesWhatCannotBe) {
    Task task = running(spec("t", "exec sleep 1000"));
    Talk nowhere = this->talk("nobody", "true");
    ASSERT_EQ(nowhere.opened.wait_for(k_deadline), std::future_status::ready);
    EXPECT_EQ(nowhere.opened.get().error().code, Errc::not_found);
    Talk first = this->talk("t", "cat");
    ASSERT_TRUE(first.open());
    Talk same = this->talk("t", "cat");
    ASSERT_EQ(same.opened.wait_for(k_deadline), std::future_status::ready);
    EXPECT_EQ(same.opened.get().error().code, Errc::conflict);
    first.pipes.input = {};
    EXPECT_EQ(first.end().status, 0);
    end(task);
}

TEST_F(SessionTest, AttachesToTheTerminalOfATask) {
    LaunchSpec what =
        spec("t", "stty -echo; stty size; while read x; do echo said:$x; stty size; done");
    what.info.emplace();
    what.info->set_type(mesos::v1::ContainerInfo::MESOS);
    what.info->mutable_tty_info()->mutable_window_size()->set_rows(20);
    what.info->mutable_tty_info()->mutable_window_size()->set_columns(50);
    Task task = running(std::move(what));
    auto one = containerizer_->attach(task.id);
    auto two = containerizer_->attach(task.id);
    ASSERT_TRUE(one.has_value() && two.has_value());
    const auto deadline = std::chrono::steady_clock::now() + k_deadline;
    while (read(task.sandbox + "/stdout").find("20 50") == std::string::npos &&
           std::chrono::steady_clock::now() < deadline)
        std::this_thread::yield();
    const std::uint16_t size[] = {33, 77};
    std::string packet = "w";
    packet.append(reinterpret_cast<const char*>(size), sizeof size);
    say(one->get(), packet);
    say(one->get(), "iword\n");
    const std::string heard = read_until(one->get(), "33 77");
    EXPECT_NE(heard.find("said:word"), std::string::npos) << heard;
    EXPECT_NE(read_until(two->get(), "33 77").find("said:word"), std::string::npos);
    // A reader who leaves, and one who never reads, are nobody's loss.
    *one = {};
    say(two->get(), "iagain\n");
    EXPECT_NE(read_until(two->get(), "said:again").find("said:again"), std::string::npos);
    end(task);
    EXPECT_NE(read(task.sandbox + "/stdout").find("20 50"), std::string::npos);
    EXPECT_NE(read(task.sandbox + "/stdout").find("said:again"), std::string::npos);
}

TEST_F(SessionTest, ASlowReaderIsDroppedAndTheTaskGoesOn) {
    LaunchSpec what = spec(
        "t", "read x; yes 0123456789012345678901234567890123456789 | head -c 30000000; echo done");
    what.info.emplace();
    what.info->set_type(mesos::v1::ContainerInfo::MESOS);
    what.info->mutable_tty_info();
    Task task = running(std::move(what));
    auto slow = containerizer_->attach(task.id);
    auto typist = containerizer_->attach(task.id);
    ASSERT_TRUE(slow.has_value() && typist.has_value());
    say(typist->get(), "igo\n");
    *typist = {};
    // It comes to its end although nobody reads.
    EXPECT_EQ(task.await_exited().status, 0);
    containerizer_->forget(task.id);
}

TEST_F(SessionTest, ContainersNestAtSeveralLevels) {
    Task outer = running(spec("o", "exec sleep 1000"));
    LaunchSpec middle_spec = spec("o.m", "exec sleep 1000");
    middle_spec.sandbox = outer.sandbox + "/containers/m";
    middle_spec.parent = outer.id;
    middle_spec.share_cgroups = false;
    Task middle = running(std::move(middle_spec));
    LaunchSpec inner_spec = spec("o.m.i", "exec sleep 1000");
    inner_spec.sandbox = middle.sandbox + "/containers/i";
    inner_spec.parent = middle.id;
    Task inner = running(std::move(inner_spec));
    restart_keeping({outer.id, middle.id, inner.id});
    containerizer_->destroy(outer.id);
    for (int i = 0; i < 3; ++i) ended_.acquire();
    EXPECT_EQ(order_, (std::vector<std::string>{"o.m.i", "o.m", "o"})) << "the inner ones first";
    for (const char* id : {"o", "o.m", "o.m.i"}) containerizer_->forget(ContainerId{id});
    containerizer_.reset();
    reap_former_shims();
}

}  // namespace
}  // namespace tepui::containerizer
