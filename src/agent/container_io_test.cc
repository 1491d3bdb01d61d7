#include "agent/container_io.h"

#include <fcntl.h>
#include <gtest/gtest.h>
#include <sys/socket.h>
#include <unistd.h>

#include <cstring>
#include <future>

#include <boost/asio/co_spawn.hpp>
#include <boost/asio/use_future.hpp>

namespace tepui::agent {
namespace {

namespace v1 = mesos::v1;
using containerizer::Descriptor;
using v1::agent::ProcessIO;

constexpr std::chrono::seconds wait_max{30};

struct Ends {
    Descriptor read;
    Descriptor write;
};
Ends make_pipe() {
    int ends[2];
    EXPECT_EQ(::pipe2(ends, O_CLOEXEC), 0);
    return {Descriptor(ends[0]), Descriptor(ends[1])};
}

/// A session whose other ends are in the hands of the test.
struct Session {
    Ends input = make_pipe();
    Ends output = make_pipe();

    containerizer::SessionPipes pipes() {
        containerizer::SessionPipes pipes;
        pipes.input = std::move(input.write);
        pipes.output = std::move(output.read);
        return pipes;
    }
};

ProcessIO typed(const std::string& text) {
    ProcessIO io;
    io.set_type(ProcessIO::DATA);
    io.mutable_data()->set_type(ProcessIO::Data::STDIN);
    io.mutable_data()->set_data(text);
    return io;
}

/// Runs `put` to its end.
Result<void> put(ContainerIo::Input& input, ProcessIO io) {
    asio::io_context loop;
    auto done = asio::co_spawn(loop, input.put(std::move(io)), asio::use_future);
    loop.run_for(wait_max);
    return done.get();
}

TEST(ContainerIo, AListenerHearsTheEnd) {
    ContainerIo io;
    Session session;
    io.add_session(ContainerId{"s"}, session.pipes());
    EXPECT_EQ(io.listen(ContainerId{"nobody"}, wire::Media::json), nullptr);
    const auto stream = io.listen(ContainerId{"s"}, wire::Media::json);
    ASSERT_NE(stream, nullptr);
    session.output.write = {};
    // It is forgotten with its end, and a stream that is finished takes no more.
    const auto deadline = std::chrono::steady_clock::now() + wait_max;
    while (stream->push("x") && std::chrono::steady_clock::now() < deadline)
        std::this_thread::yield();
    EXPECT_FALSE(stream->push("x"));
    while (io.listen(ContainerId{"s"}, wire::Media::json) != nullptr &&
           std::chrono::steady_clock::now() < deadline)
        std::this_thread::yield();
    EXPECT_EQ(io.listen(ContainerId{"s"}, wire::Media::json), nullptr);
}

TEST(ContainerIo, OneWritesAtATime) {
    ContainerIo io;
    Session session;
    io.add_session(ContainerId{"s"}, session.pipes());
    auto first = io.write_to(ContainerId{"s"});
    ASSERT_TRUE(first.has_value());
    EXPECT_EQ(io.write_to(ContainerId{"s"}).error().code, Errc::conflict);
    EXPECT_EQ(io.write_to(ContainerId{"x"}).error().code, Errc::not_found);
    EXPECT_TRUE(put(**first, typed("hello")).has_value());
    char buffer[16];
    EXPECT_EQ(::read(session.input.read.get(), buffer, sizeof buffer), 5);
    EXPECT_TRUE(put(**first, typed("")).has_value());
    EXPECT_EQ(::read(session.input.read.get(), buffer, sizeof buffer), 0) << "its end";
    EXPECT_EQ(put(**first, typed("more")).error().code, Errc::cancelled);
    first->reset();
    EXPECT_TRUE(io.write_to(ContainerId{"s"}).has_value());
}

TEST(ContainerIo, AnAttachmentSpeaksInPackets) {
    ContainerIo io;
    int pair[2];
    ASSERT_EQ(::socketpair(AF_UNIX, SOCK_SEQPACKET | SOCK_CLOEXEC, 0, pair), 0);
    const Descriptor shim(pair[0]);
    auto input = io.write_to(ContainerId{"c"}, Descriptor(pair[1]));
    ASSERT_TRUE(input.has_value());
    EXPECT_TRUE(put(**input, typed("ls\n")).has_value());
    ProcessIO resize;
    resize.set_type(ProcessIO::CONTROL);
    resize.mutable_control()->set_type(ProcessIO::Control::TTY_INFO);
    auto& window = *resize.mutable_control()->mutable_tty_info()->mutable_window_size();
    window.set_rows(30);
    window.set_columns(100);
    EXPECT_TRUE(put(**input, resize).has_value());
    EXPECT_TRUE(put(**input, typed("")).has_value());
    char packet[64];
    EXPECT_EQ(std::string(packet, static_cast<std::size_t>(::read(shim.get(), packet, 64))),
              "ils\n");
    ASSERT_EQ(::read(shim.get(), packet, 64), 5);
    std::uint16_t size[2];
    std::memcpy(size, packet + 1, sizeof size);
    EXPECT_EQ(packet[0], 'w');
    EXPECT_EQ(size[0], 30);
    EXPECT_EQ(size[1], 100);
    EXPECT_EQ(std::string(packet, static_cast<std::size_t>(::read(shim.get(), packet, 64))), "z");
    input->reset();
    EXPECT_EQ(::read(shim.get(), packet, 64), 0) << "nobody is attached any more";
}

TEST(ContainerIo, StopsWithEverythingOpen) {
    auto io = std::make_unique<ContainerIo>();
    Session session;
    io->add_session(ContainerId{"s"}, session.pipes());
    const auto stream = io->listen(ContainerId{"s"}, wire::Media::protobuf);
    auto input = io->write_to(ContainerId{"s"});
    io->stop();
    EXPECT_FALSE(stream->push("x"));
    char byte;
    EXPECT_EQ(::read(session.input.read.get(), &byte, 1), 0) << "its input is closed";
    input->reset();
    io.reset();
}

}  // namespace
}  // namespace tepui::agent
