#include "cli/client/download.h"

#include <fcntl.h>
#include <unistd.h>
#include <filesystem>
#include <fstream>
#include <map>
#include <sstream>

#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include "base/temporary_directory_testing.h"
#include "cli/client/event_stream.h"
#include "http/server.h"
#include "wire/json_writer.h"

namespace tepui::cli {
namespace {

using testing::HasSubstr;

TEST(Download, NamesThatAreSafe) {
    for (const std::string name : {"a", "a.b", "...", ".hidden", "with space", "\xc3\xa9"}) {
        EXPECT_TRUE(is_safe_name(name)) << name;
    }
    for (const std::string name : {"", ".", "..", "a/b", "/", "a\n"}) {
        EXPECT_FALSE(is_safe_name(name)) << name;
    }
    EXPECT_FALSE(is_safe_name(std::string("a\0b", 3)));
    EXPECT_FALSE(is_safe_name(std::string(256, 'x')));
}

std::string text_of(const std::filesystem::path& path) {
    std::ifstream file(path);
    std::ostringstream text;
    text << file.rdbuf();
    return text.str();
}

/// An agent whose files are a map; a folder is what others lie in.
class FakeAgent : public testing::Test {
protected:
    struct Entry {
        std::string path;
        std::string mode;
    };

    FakeAgent() {
        http::Router router;
        router.add("/files/browse", {"GET"},
                   [this](http::Request request) -> asio::awaitable<http::Response> {
                       co_return browse(request);
                   });
        router.add("/files/read", {"GET"},
                   [this](http::Request request) -> asio::awaitable<http::Response> {
                       co_return read(request);
                   });
        server_ = std::make_unique<http::Server>(http::ServerOptions{}, std::move(router));
        EXPECT_TRUE(server_->start());
        options_.say = [this](const std::string& text) { said_ += text + '\n'; };
    }

    http::Response browse(const http::Request& request) {
        const auto it = folders_.find(std::string(request.query_value("path").value_or("")));
        if (it == folders_.end()) return http::Response::text(404, "no such folder");
        std::string out;
        wire::JsonWriter json(out);
        json.begin_array();
        for (const Entry& entry : it->second) {
            json.begin_object();
            json.key("path").value(entry.path).key("mode").value(entry.mode).key("size").value(1);
            json.end_object();
        }
        json.end_array();
        return http::Response::text(200, out);
    }

    http::Response read(const http::Request& request) {
        const auto it = files_.find(std::string(request.query_value("path").value_or("")));
        if (it == files_.end()) return http::Response::text(404, "no such file");
        const std::string offset(request.query_value("offset").value_or("0"));
        std::string out;
        wire::JsonWriter json(out);
        const std::size_t size = it->second.size();
        const std::size_t from = offset == "-1" ? size : std::min(size, std::stoul(offset));
        json.begin_object();
        json.key("data").value(it->second.substr(from));
        json.key("offset").value(static_cast<std::uint64_t>(from));
        json.end_object();
        return http::Response::text(200, out);
    }

    Result<Downloaded> download(const std::string& path) {
        asio::io_context loop(1);
        http::Client client(loop.get_executor());
        AgentFiles files(client, fmt::format("127.0.0.1:{}", server_->port()));
        auto folder = LocalFolder::open(target_);
        if (!folder) return std::unexpected(folder.error());
        Result<Downloaded> result;
        asio::co_spawn(loop, download_folder(files, path, *folder, 0, options_),
                       [&](std::exception_ptr error, Result<Downloaded> got) {
                           EXPECT_FALSE(error);
                           result = std::move(got);
                           loop.stop();
                       });
        loop.run();
        return result;
    }

    std::map<std::string, std::vector<Entry>> folders_;
    std::map<std::string, std::string> files_;
    std::unique_ptr<http::Server> server_;
    TemporaryDirectory directory_;
    std::string target_ = directory_.path() + "/target";
    DownloadOptions options_;
    std::string said_;
};

TEST_F(FakeAgent, CopiesATree) {
    folders_["/s"] = {{"/s/a", "-rw-r--r--"}, {"/s/d", "drwxr-xr-x"}};
    folders_["/s/d"] = {{"/s/d/b", "-rw-r--r--"}};
    files_ = {{"/s/a", "alpha"}, {"/s/d/b", std::string(3'000'000, 'x')}};
    const auto got = download("/s");
    ASSERT_TRUE(got) << got.error().text;
    EXPECT_EQ(got->files, 2U);
    EXPECT_EQ(got->bytes, 3'000'005U);
    EXPECT_EQ(text_of(target_ + "/a"), "alpha");
    EXPECT_EQ(text_of(target_ + "/d/b").size(), 3'000'000U);
    // Again: what is there is kept, unless it is forced.
    files_["/s/a"] = "beta";
    EXPECT_THAT(download("/s").error().text, HasSubstr("--force"));
    options_.force = true;
    ASSERT_TRUE(download("/s"));
    EXPECT_EQ(text_of(target_ + "/a"), "beta");
}

TEST_F(FakeAgent, NeverWritesOutside) {
    folders_["/s"] = {{"/s/..", "drwxr-xr-x"},
                      {"/s/.", "-rw-r--r--"},
                      {"/s/link", "lrwxrwxrwx"},
                      {"/s/pipe", "prw-r--r--"},
                      {"", "-rw-r--r--"}};
    const auto got = download("/s");
    ASSERT_TRUE(got) << got.error().text;
    EXPECT_EQ(got->files, 0U);
    EXPECT_THAT(said_, HasSubstr("/s/link: it is neither file nor folder"));
    EXPECT_TRUE(std::filesystem::is_empty(target_));

    // Links that lie in the target already are not followed.
    const std::string outside = directory_.path() + "/outside";
    std::filesystem::create_directory(outside);
    std::filesystem::create_symlink(outside, target_ + "/d");
    std::filesystem::create_symlink(outside + "/file", target_ + "/a");
    options_.force = true;
    folders_["/s"] = {{"/s/d", "drwxr-xr-x"}};
    folders_["/s/d"] = {{"/s/d/b", "-rw-r--r--"}};
    files_ = {{"/s/a", "alpha"}, {"/s/d/b", "beta"}};
    EXPECT_THAT(download("/s").error().text, HasSubstr("is no folder"));
    folders_["/s"] = {{"/s/a", "-rw-r--r--"}};
    EXPECT_THAT(download("/s").error().text, HasSubstr("symbolic link"));
    EXPECT_TRUE(std::filesystem::is_empty(outside));
}

TEST_F(FakeAgent, EndlessFoldersEnd) {
    // Each folder holds one more, as a loop of links on the agent would.
    std::string path = "/s";
    for (int i = 0; i < 100; ++i) {
        folders_[path] = {{path + "/d", "drwxr-xr-x"}};
        path += "/d";
    }
    EXPECT_EQ(download("/s").error().code, Errc::too_large);
}

TEST(EventFollower, GoesOnBehindWhatItHasRead) {
    EventPosition position;
    EXPECT_EQ(position.target(), "/api/v1?sequence=1");
    position.advance(R"({"type":"SUBSCRIBED","subscribed":{},"sequence":7,"master_id":"m-1"})");
    EXPECT_EQ(position.target(), "/api/v1?after=7&master=m-1");
    position.advance(R"({"type":"HEARTBEAT","sequence":9})");
    EXPECT_EQ(position.target(), "/api/v1?after=9&master=m-1");
    // A master of Mesos numbers nothing.
    EventPosition none;
    none.advance(R"({"type":"HEARTBEAT"})");
    EXPECT_EQ(none.target(), "/api/v1?sequence=1");
}

TEST(EventFollower, PausesGrowToFifteenSeconds) {
    const std::vector<Duration> wanted = {1s, 2s, 4s, 8s, 15s, 15s};
    for (unsigned i = 0; i < wanted.size(); ++i) EXPECT_EQ(reconnect_pause(i), wanted[i]);
    EXPECT_EQ(reconnect_pause(1000), Duration(15s));
    EXPECT_TRUE(is_passing({Errc::io, ""}));
    EXPECT_FALSE(is_passing({Errc::denied, ""}));
}

}  // namespace
}  // namespace tepui::cli
