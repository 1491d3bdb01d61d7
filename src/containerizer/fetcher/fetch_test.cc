#include <archive.h>
#include <archive_entry.h>
#include <arpa/inet.h>
#include <netinet/in.h>
#include <sys/socket.h>

#include <fcntl.h>

#include <atomic>
#include <future>
#include <thread>

#include "containerizer/containerizer_fixture.h"
#include "containerizer/descriptor.h"
#include "containerizer/fetcher/fetcher.h"
#include "containerizer/fetcher/plan.h"

namespace tepui::containerizer::fetcher {
namespace {

/// Answers every connection with the next of its answers, as they are.
class TinyServer {
public:
    explicit TinyServer(std::vector<std::string> answers) : answers_(std::move(answers)) {
        listener_ = Descriptor(::socket(AF_INET, SOCK_STREAM | SOCK_CLOEXEC, 0));
        sockaddr_in address{};
        address.sin_family = AF_INET;
        address.sin_addr.s_addr = htonl(INADDR_LOOPBACK);
        socklen_t size = sizeof address;
        EXPECT_EQ(::bind(listener_.get(), reinterpret_cast<sockaddr*>(&address), size), 0);
        EXPECT_EQ(::listen(listener_.get(), 8), 0);
        ::getsockname(listener_.get(), reinterpret_cast<sockaddr*>(&address), &size);
        port_ = ntohs(address.sin_port);
        thread_ = std::jthread([this] { serve(); });
    }
    ~TinyServer() { ::shutdown(listener_.get(), SHUT_RDWR); }
    std::string url(const std::string& path) const {
        return fmt::format("http://127.0.0.1:{}{}", port_, path);
    }

private:
    void serve() {
        for (const std::string& answer : answers_) {
            const Descriptor peer(::accept4(listener_.get(), nullptr, nullptr, SOCK_CLOEXEC));
            if (!peer) return;
            char buffer[4096];
            (void)!::read(peer.get(), buffer, sizeof buffer);
            (void)!::send(peer.get(), answer.data(), answer.size(), MSG_NOSIGNAL);
            if (answer.ends_with("\r\n\r\n")) (void)!::read(peer.get(), buffer, 1);  // Stalls.
        }
    }
    std::vector<std::string> answers_;
    Descriptor listener_;
    int port_ = 0;
    std::jthread thread_;
};

std::string ok(const std::string& body) {
    return fmt::format("HTTP/1.1 200 OK\r\nContent-Length: {}\r\nConnection: close\r\n\r\n{}",
                       body.size(), body);
}
std::string redirect(const std::string& to) {
    return fmt::format(
        "HTTP/1.1 302 Found\r\nLocation: {}\r\nContent-Length: 1\r\n"
        "Connection: close\r\n\r\n.",
        to);
}

struct Entry {
    std::string name;
    mode_t type = AE_IFREG;
    std::string content;  // Of a file; or the target of a link.
    bool hard_link = false;
};

class FetchTest : public ContainerizerTest {
protected:
    void SetUp() override {
        ContainerizerTest::SetUp();
        sandbox_ = base_ + "/sandbox";
        std::filesystem::create_directory(sandbox_);
        directory_ = Descriptor(::open(sandbox_.c_str(), O_RDONLY | O_DIRECTORY | O_CLOEXEC));
        std::filesystem::create_directory(base_ + "/source");
    }

    Result<void> fetch(const mesos::v1::CommandInfo::URI& uri, const User* user = nullptr) {
        mesos::v1::CommandInfo command;
        *command.add_uris() = uri;
        return fetch_all(command, "c1", directory_.get(), user, fetch_options_, cancelled_);
    }
    Result<void> fetch(const std::string& value, const std::string& output = {}) {
        mesos::v1::CommandInfo::URI uri;
        uri.set_value(value);
        if (!output.empty()) uri.set_output_file(output);
        return fetch(uri);
    }
    std::string got(const std::string& name) const { return read(sandbox_ + "/" + name); }

    std::string make_archive(const std::string& name, const std::vector<Entry>& entries) const {
        const std::string path = base_ + "/source/" + name;
        archive* out = archive_write_new();
        if (name.ends_with(".zip"))
            archive_write_set_format_zip(out);
        else
            archive_write_set_format_pax_restricted(out);
        if (name.ends_with("gz")) archive_write_add_filter_gzip(out);
        if (name.ends_with("xz")) archive_write_add_filter_xz(out);
        EXPECT_EQ(archive_write_open_filename(out, path.c_str()), ARCHIVE_OK);
        for (const Entry& entry : entries) {
            archive_entry* header = archive_entry_new();
            archive_entry_set_pathname(header, entry.name.c_str());
            archive_entry_set_perm(header, 0640);
            archive_entry_set_filetype(header, entry.type);
            if (entry.hard_link)
                archive_entry_set_hardlink(header, entry.content.c_str());
            else if (entry.type == AE_IFLNK)
                archive_entry_set_symlink(header, entry.content.c_str());
            else if (entry.type == AE_IFREG)
                archive_entry_set_size(header, static_cast<la_int64_t>(entry.content.size()));
            EXPECT_GE(archive_write_header(out, header), ARCHIVE_WARN);
            if (entry.type == AE_IFREG && !entry.hard_link)
                archive_write_data(out, entry.content.data(), entry.content.size());
            archive_entry_free(header);
        }
        archive_write_close(out);
        archive_write_free(out);
        return path;
    }

    FetchOptions fetch_options_;
    std::atomic<bool> cancelled_ = false;
    std::string sandbox_;
    Descriptor directory_;
};

TEST(FetchPlanTest, ReadsUris) {
    struct Row {
        const char* value;
        const char* output;
        bool executable;
        FetchPlan want;
    };
    const Row rows[] = {
        {"/a/b.txt", "", false, {Source::local_file, "/a/b.txt", "b.txt", false, Unpack::no}},
        {"file:///a/b.tgz",
         "",
         false,
         {Source::local_file, "/a/b.tgz", "b.tgz", false, Unpack::archive}},
        {"rel/b.gz",
         "",
         false,
         {Source::local_file, "/home/rel/b.gz", "b.gz", false, Unpack::gzip}},
        {"http://h/x/app.zip",
         "",
         true,
         {Source::http, "http://h/x/app.zip", "app.zip", true, Unpack::no}},
        {"HTTPS://h/x?q=1",
         "d/x",
         false,
         {Source::http, "HTTPS://h/x?q=1", "d/x", false, Unpack::no}},
    };
    for (const Row& row : rows) {
        SCOPED_TRACE(row.value);
        mesos::v1::CommandInfo::URI uri;
        uri.set_value(row.value);
        if (*row.output != 0) uri.set_output_file(row.output);
        if (row.executable) uri.set_executable(true);
        const Result<FetchPlan> plan = plan_fetch(uri, "/home");
        ASSERT_TRUE(plan) << plan.error().text;
        EXPECT_TRUE(*plan == row.want);
    }
    for (const char* value :
         {"", "ftp://h/x", "file://host/x", "http://host", "http://host/", "/"}) {
        SCOPED_TRACE(value);
        mesos::v1::CommandInfo::URI uri;
        uri.set_value(value);
        EXPECT_FALSE(plan_fetch(uri, "/home"));
    }
    mesos::v1::CommandInfo::URI relative;
    relative.set_value("rel");
    EXPECT_FALSE(plan_fetch(relative, ""));
    for (const char* output : {"../x", "/etc/x", "a/../../x", "."}) {
        SCOPED_TRACE(output);
        relative.set_output_file(output);
        EXPECT_FALSE(plan_fetch(relative, "/home"));
    }
}

TEST_F(FetchTest, CopiesLocalFilesWithTheRightsOfTheUser) {
    std::ofstream(base_ + "/source/data") << "data";
    const Result<User> nobody = find_user("nobody");
    ASSERT_TRUE(nobody);
    ASSERT_EQ(::fchown(directory_.get(), nobody->uid, nobody->gid), 0);
    mesos::v1::CommandInfo::URI uri;
    uri.set_value("file://" + base_ + "/source/data");
    uri.set_executable(true);
    uri.set_output_file("bin/run");
    const Result<void> done = fetch(uri, &*nobody);
    ASSERT_TRUE(done) << done.error().text;
    EXPECT_EQ(got("bin/run"), "data");
    struct stat stat{};
    ASSERT_EQ(::stat((sandbox_ + "/bin/run").c_str(), &stat), 0);
    EXPECT_EQ(stat.st_uid, nobody->uid);
    EXPECT_EQ(stat.st_gid, nobody->gid);
    EXPECT_EQ(stat.st_mode & 0777, 0755u);

    uri.set_value("file:///etc/shadow");
    const Result<void> secret = fetch(uri, &*nobody);
    ASSERT_FALSE(secret);
    EXPECT_NE(secret.error().text.find("Permission denied"), std::string::npos);
    // The thread is itself again.
    EXPECT_TRUE(std::ifstream("/etc/shadow").good());
}

TEST_F(FetchTest, ErrorNamesContainerAndUri) {
    const Result<void> done = fetch("/no/such/file");
    ASSERT_FALSE(done);
    EXPECT_TRUE(done.error().text.starts_with(
        "Failed to fetch all URIs for container 'c1': '/no/such/file': "))
        << done.error().text;
}

TEST_F(FetchTest, DownloadsAndFollowsRedirects) {
    TinyServer server({redirect("/there/real"), ok("body")});
    const Result<void> done = fetch(server.url("/here"), "deep/er/name");
    ASSERT_TRUE(done) << done.error().text;
    EXPECT_EQ(got("deep/er/name"), "body");
}

TEST_F(FetchTest, RefusesWhatServersTry) {
    struct Row {
        const char* name;
        std::string answer;
        Errc want;
    };
    const Row rows[] = {
        {"not found", "HTTP/1.1 404 Not Found\r\nContent-Length: 1\r\nConnection: close\r\n\r\nx",
         Errc::io},
        {"redirect to a file", redirect("file:///etc/passwd"), Errc::io},
        {"redirect to metadata", redirect("http://169.254.169.254/latest"), Errc::denied},
        {"too large", ok(std::string(5000, 'x')), Errc::too_large},
        {"stall", "HTTP/1.1 200 OK\r\nContent-Length: 10\r\n\r\n", Errc::timeout}};
    fetch_options_.bytes_max = 4000;
    for (const Row& row : rows) {
        SCOPED_TRACE(row.name);
        // Short only where it is awaited: a loaded machine must not turn the others into stalls.
        fetch_options_.stall_timeout = row.want == Errc::timeout ? 1s : 60s;
        TinyServer server({row.answer});
        const Result<void> done = fetch(server.url("/x"));
        ASSERT_FALSE(done);
        EXPECT_EQ(done.error().code, row.want) << done.error().text;
    }
}

TEST_F(FetchTest, RedirectsAreBounded) {
    TinyServer server(std::vector<std::string>(40, redirect("/again")));
    EXPECT_FALSE(fetch(server.url("/x")));
}

TEST_F(FetchTest, CancelEndsAStalledDownload) {
    TinyServer server({"HTTP/1.1 200 OK\r\nContent-Length: 10\r\n\r\n"});
    auto done = std::async(std::launch::async, [&] { return fetch(server.url("/x")); });
    cancelled_ = true;
    ASSERT_EQ(done.wait_for(k_deadline), std::future_status::ready);
    EXPECT_EQ(done.get().error().code, Errc::cancelled);
}

TEST_F(FetchTest, UnpacksArchives) {
    for (const char* name : {"a.tar", "a.tgz", "a.tar.xz", "a.zip"}) {
        SCOPED_TRACE(name);
        const std::string path = make_archive(
            name,
            {{"dir/", AE_IFDIR, ""}, {"dir/file", AE_IFREG, name}, {"./top", AE_IFREG, "top"}});
        const Result<void> done = fetch(path);
        ASSERT_TRUE(done) << done.error().text;
        EXPECT_EQ(got("dir/file"), name);
        EXPECT_EQ(got("top"), "top");
        EXPECT_TRUE(std::filesystem::exists(sandbox_ + "/" + name));  // The archive stays.
    }
    const std::string tar = make_archive("links.tar", {{"file", AE_IFREG, "content"},
                                                       {"hard", AE_IFREG, "file", true},
                                                       {"soft", AE_IFLNK, "file"}});
    ASSERT_TRUE(fetch(tar));
    EXPECT_EQ(got("hard"), "content");
    EXPECT_EQ(std::filesystem::read_symlink(sandbox_ + "/soft"), "file");
}

TEST_F(FetchTest, UnpacksOneGzipFile) {
    ASSERT_EQ(std::system(("echo -n inside | gzip > " + base_ + "/source/f.txt.gz").c_str()), 0);
    const Result<void> done = fetch(base_ + "/source/f.txt.gz");
    ASSERT_TRUE(done) << done.error().text;
    EXPECT_EQ(got("f.txt"), "inside");
}

TEST_F(FetchTest, ExtractFalseLeavesTheArchive) {
    mesos::v1::CommandInfo::URI uri;
    uri.set_value(make_archive("a.tar", {{"file", AE_IFREG, "x"}}));
    uri.set_extract(false);
    ASSERT_TRUE(fetch(uri));
    EXPECT_FALSE(std::filesystem::exists(sandbox_ + "/file"));
    EXPECT_TRUE(std::filesystem::exists(sandbox_ + "/a.tar"));
}

TEST_F(FetchTest, HostileArchivesWriteNothingOutside) {
    const std::string victim = base_ + "/victim";
    std::filesystem::create_directory(base_ + "/outside");
    struct Row {
        const char* name;
        std::vector<Entry> entries;
    };
    const Row rows[] = {
        {"parent", {{"../victim", AE_IFREG, "evil"}}},
        {"inner-parent", {{"a/../../victim", AE_IFREG, "evil"}}},
        {"absolute", {{victim, AE_IFREG, "evil"}}},
        {"symlink-then-write", {{"l", AE_IFLNK, base_ + "/outside"}, {"l/x", AE_IFREG, "evil"}}},
        {"relative-symlink", {{"r", AE_IFLNK, "../outside"}, {"r/x", AE_IFREG, "evil"}}},
        {"symlink-mkdir", {{"m", AE_IFLNK, "../outside"}, {"m/sub/", AE_IFDIR, ""}}},
        {"hardlink-out", {{"h", AE_IFREG, victim, true}, {"h", AE_IFREG, "evil"}}},
        {"hardlink-parent", {{"h", AE_IFREG, "../victim", true}, {"h", AE_IFREG, "evil"}}},
        {"hardlink-by-symlink", {{"s", AE_IFLNK, "../victim"}, {"h", AE_IFREG, "s", true}}},
        {"character-device", {{"null", AE_IFCHR, ""}}},
        {"block-device", {{"disk", AE_IFBLK, ""}}},
        {"pipe", {{"pipe", AE_IFIFO, ""}}}};
    for (const Row& row : rows) {
        SCOPED_TRACE(row.name);
        std::ofstream(victim) << "precious";
        EXPECT_FALSE(fetch(make_archive(std::string(row.name) + ".tar", row.entries)));
        EXPECT_EQ(read(victim), "precious");
        EXPECT_EQ(entries(base_ + "/outside"), 0u);
    }
}

TEST_F(FetchTest, FileOverASymlinkReplacesTheLink) {
    const std::string victim = base_ + "/victim";
    std::ofstream(victim) << "precious";
    ASSERT_TRUE(fetch(make_archive("over.tar", {{"x", AE_IFLNK, victim}, {"x", AE_IFREG, "new"}})));
    EXPECT_EQ(read(victim), "precious");
    EXPECT_EQ(got("x"), "new");
    EXPECT_FALSE(std::filesystem::is_symlink(sandbox_ + "/x"));
}

TEST_F(FetchTest, BombsAreBounded) {
    fetch_options_.bytes_max = 1 << 20;
    const Result<void> bomb =
        fetch(make_archive("bomb.tgz", {{"big", AE_IFREG, std::string(4 << 20, 0)}}));
    ASSERT_FALSE(bomb);
    EXPECT_EQ(bomb.error().code, Errc::too_large);
    EXPECT_LE(std::filesystem::file_size(sandbox_ + "/big"), 1u << 20);
    std::vector<Entry> many(3000,
                            Entry{"e", AE_IFREG, ""});  // 3,000 entries of 512 bytes at least.
    const Result<void> crowd = fetch(make_archive("crowd.tgz", many));
    ASSERT_FALSE(crowd);
    EXPECT_EQ(crowd.error().code, Errc::too_large);
}

TEST_F(FetchTest, CorruptArchiveIsAnError) {
    std::ofstream(base_ + "/source/bad.tgz") << "this is no archive";
    EXPECT_FALSE(fetch(base_ + "/source/bad.tgz"));
    std::ofstream(base_ + "/source/bad.txt.gz") << "nor is this gzip";
    EXPECT_FALSE(fetch(base_ + "/source/bad.txt.gz"));
}

TEST_F(FetchTest, LaunchFetchesBeforeTheTaskRuns) {
    std::ofstream(base_ + "/source/input") << "fetched";
    LaunchSpec what = spec("with-uri", "cat input; id -un");
    what.user = "nobody";
    what.command.add_uris()->set_value(base_ + "/source/input");
    EXPECT_EQ(run(what).status, 0);
    EXPECT_EQ(out("with-uri"), "fetchednobody\n");

    LaunchSpec failing = spec("bad-uri", "true");
    failing.command.add_uris()->set_value("gopher://x/y");
    const auto started = launch(failing).await_started();
    ASSERT_FALSE(started);
    EXPECT_FALSE(started.error().sandbox_failed);
    EXPECT_TRUE(started.error().error.text.starts_with(
        "Failed to fetch all URIs for container 'bad-uri': 'gopher://x/y'"));
}

TEST_F(FetchTest, KillDuringAFetchCancelsTheLaunch) {
    TinyServer server({"HTTP/1.1 200 OK\r\nContent-Length: 10\r\n\r\n"});
    LaunchSpec what = spec("stalled", "true");
    what.command.add_uris()->set_value(server.url("/x"));
    Task task = launch(what);
    containerizer_->destroy(task.id);
    const auto started = task.await_started();
    ASSERT_FALSE(started);
    EXPECT_EQ(started.error().error.code, Errc::cancelled);
}

}  // namespace
}  // namespace tepui::containerizer::fetcher
