#include "cli/client/agent_files.h"

#include <atomic>
#include <fstream>

#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include "http/server.h"
#include "mesos/v1/agent/agent.pb.h"
#include "wire/json_writer.h"
#include "wire/media.h"

namespace tepui::cli {
namespace {

constexpr std::string_view log_path = "/frameworks/F/executors/T/runs/latest/stdout";

/// An agent that serves one file, by READ_FILE, by /files/read, or by both.
class FakeAgent {
public:
    FakeAgent(bool knows_call, bool knows_route) {
        http::Router router;
        if (knows_call) {
            router.add("/api/v1", {"POST"},
                       [this](http::Request request) -> asio::awaitable<http::Response> {
                           co_return read_file(request);
                       });
        }
        if (knows_route) {
            router.add("/files/read", {"GET"},
                       [this](http::Request request) -> asio::awaitable<http::Response> {
                           co_return files_read(request);
                       });
        }
        server_ = std::make_unique<http::Server>(http::ServerOptions{}, std::move(router));
        const auto started = server_->start();
        EXPECT_TRUE(started);
    }
    std::string address() const { return fmt::format("127.0.0.1:{}", server_->port()); }

    void write(std::string_view bytes) {
        const std::lock_guard lock(mutex_);
        content_ = content_.value_or("") + std::string(bytes);
    }
    void rotate(std::string_view bytes) {
        const std::lock_guard lock(mutex_);
        content_ = std::string(bytes);
    }
    /// Called, under the lock, after each read that found nothing new.
    void at_end(std::function<void(std::optional<std::string>&)> callback) {
        at_end_ = std::move(callback);
    }
    int calls() const { return calls_; }

private:
    std::optional<FilePart> part(std::string_view path, std::uint64_t offset,
                                 std::uint64_t length) {
        const std::lock_guard lock(mutex_);
        if (path != log_path) return std::nullopt;
        std::optional<FilePart> part;
        if (content_) {
            part = FilePart{content_->size(),
                            offset < content_->size() ? content_->substr(offset, length) : ""};
        }
        if ((!part || part->data.empty()) && at_end_) at_end_(content_);
        return part;
    }
    http::Response read_file(const http::Request& request) {
        ++calls_;
        mesos::v1::agent::Call call;
        EXPECT_TRUE(wire::decode(wire::Media::protobuf, request.body, call));
        const auto found =
            part(call.read_file().path(), call.read_file().offset(), call.read_file().length());
        if (!found) return http::Response::text(404, "no such file");
        mesos::v1::agent::Response answer;
        answer.set_type(mesos::v1::agent::Response::READ_FILE);
        answer.mutable_read_file()->set_size(found->size);
        answer.mutable_read_file()->set_data(found->data);
        http::Response response =
            http::Response::text(200, wire::encode(wire::Media::protobuf, answer));
        response.headers.set("Content-Type", std::string(wire::media_protobuf));
        return response;
    }
    http::Response files_read(const http::Request& request) {
        const std::string path(request.query_value("path").value_or(""));
        const std::string offset(request.query_value("offset").value_or("0"));
        const std::string length(request.query_value("length").value_or("65536"));
        const bool ask_size = offset == "-1";
        const auto found = part(path, ask_size ? 0 : std::stoull(offset), std::stoull(length));
        if (!found) return http::Response::text(404, "no such file");
        std::string body;
        wire::JsonWriter json(body);
        json.begin_object();
        json.key("offset").value(ask_size ? found->size
                                          : static_cast<std::uint64_t>(std::stoull(offset)));
        json.key("data").value(ask_size ? std::string() : found->data);
        json.end_object();
        return http::Response::json(std::move(body));
    }

    std::mutex mutex_;
    std::optional<std::string> content_;
    std::function<void(std::optional<std::string>&)> at_end_;
    std::atomic<int> calls_ = 0;
    std::unique_ptr<http::Server> server_;
};

struct Followed {
    Result<void> result;
    std::string text;
};

Followed follow(FakeAgent& agent, FollowOptions options) {
    asio::io_context loop;
    http::Client client(loop.get_executor());
    AgentFiles files(client, agent.address());
    Followed followed;
    options.poll = 1ms;
    asio::co_spawn(loop,
                   follow_file(files, std::string(log_path), std::move(options),
                               [&](std::string_view bytes) { followed.text += bytes; }),
                   [&](std::exception_ptr error, Result<void> result) {
                       EXPECT_FALSE(error);
                       followed.result = std::move(result);
                       loop.stop();
                   });
    loop.run_for(20s);
    return followed;
}

TEST(FollowFile, ReadsAWholeFileInParts) {
    for (const bool by_call : {true, false}) {
        FakeAgent agent(by_call, !by_call);
        std::string content;
        for (int line = 0; line < 1000; ++line) content += fmt::format("line {}\n", line);
        agent.write(content);
        FollowOptions options;
        options.follow = false;
        options.part_bytes = 1000;
        const Followed followed = follow(agent, std::move(options));
        EXPECT_TRUE(followed.result);
        EXPECT_EQ(followed.text, content) << by_call;
    }
}

TEST(FollowFile, BytesOfReadFileAreExact) {
    FakeAgent agent(true, true);
    const std::string binary("\x00\xff\xfe text \x80", 10);
    agent.write(binary);
    FollowOptions options;
    options.follow = false;
    EXPECT_EQ(follow(agent, std::move(options)).text, binary);
    EXPECT_GT(agent.calls(), 0);
}

TEST(FollowFile, MissingFileIsNotFoundWhenNotFollowing) {
    FakeAgent agent(true, true);
    FollowOptions options;
    options.follow = false;
    const Followed followed = follow(agent, std::move(options));
    ASSERT_FALSE(followed.result);
    EXPECT_EQ(followed.result.error().code, Errc::not_found);
}

TEST(FollowFile, WaitsForTheFileAndForMoreUntilTheEnd) {
    FakeAgent agent(true, true);
    std::atomic<bool> ended = false;
    int step = 0;
    agent.at_end([&](std::optional<std::string>& content) {
        // Each look at the end lets the task go on: it makes its file, writes more, and ends.
        switch (step++) {
            case 0: content = "first\n"; break;
            case 1: *content += "second\n"; break;
            case 2:
                *content += "last\n";
                ended = true;
                break;
            default: break;
        }
    });
    FollowOptions options;
    options.ended = [&] { return ended.load(); };
    const Followed followed = follow(agent, std::move(options));
    EXPECT_TRUE(followed.result);
    EXPECT_EQ(followed.text, "first\nsecond\nlast\n");
}

TEST(FollowFile, GoesOnAfterARotation) {
    FakeAgent agent(true, false);
    agent.write("a long line before\n");
    std::atomic<bool> ended = false;
    agent.at_end([&](std::optional<std::string>& content) {
        if (!ended) content = "after\n";
        ended = true;
    });
    FollowOptions options;
    options.ended = [&] { return ended.load(); };
    EXPECT_EQ(follow(agent, std::move(options)).text, "a long line before\nafter\n");
}

TEST(FollowFile, TaskWithoutOutputEnds) {
    FakeAgent agent(true, true);
    FollowOptions options;
    options.ended = [] { return true; };
    const Followed followed = follow(agent, std::move(options));
    EXPECT_TRUE(followed.result);
    EXPECT_EQ(followed.text, "");
}

TEST(FollowFile, GivesAGoneAgentUpAfterItsPatience) {
    std::string address;
    asio::io_context loop;
    http::Client client(loop.get_executor());
    {
        FakeAgent agent(true, true);
        address = agent.address();
    }
    AgentFiles files(client, address);
    FollowOptions options;
    options.ended = [] { return true; };
    options.poll = 1ms;
    options.patience = 3ms;
    std::optional<Result<void>> result;
    asio::co_spawn(
        loop,
        follow_file(files, std::string(log_path), std::move(options), [](std::string_view) {}),
        [&](std::exception_ptr, Result<void> ended) { result = std::move(ended); });
    loop.run_for(20s);
    ASSERT_TRUE(result);
    ASSERT_FALSE(*result);
    EXPECT_THAT(result->error().text, testing::HasSubstr(address));
}

TEST(LinePrefixer, MarksWholeLinesAcrossParts) {
    std::string text;
    LinePrefixer lines("web.1", [&](std::string_view bytes) { text += bytes; });
    lines.write("one\ntw");
    EXPECT_EQ(text, "[web.1] one\n");
    lines.write("o\nlast");
    lines.finish();
    EXPECT_EQ(text, "[web.1] one\n[web.1] two\n[web.1] last\n");
}

TEST(LinePrefixer, WithoutALabelBytesPassAsTheyAre) {
    std::string text;
    LinePrefixer lines("", [&](std::string_view bytes) { text += bytes; });
    lines.write("half");
    EXPECT_EQ(text, "half");
}

}  // namespace
}  // namespace tepui::cli
