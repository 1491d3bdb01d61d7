#include "containerizer/fetcher/fetch_fixture.h"

namespace tepui::containerizer::fetcher {
namespace {

mode_t mode_of(const std::string& path) {
    struct stat stat{};
    return ::stat(path.c_str(), &stat) == 0 ? stat.st_mode & 07777 : 0;
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
    TinyServer server(std::vector<std::string>{redirect("/there/real"), ok("body")});
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
         Errc::not_found},
        {"redirect to a file", redirect("file:///etc/passwd"), Errc::io},
        {"redirect to metadata", redirect("http://169.254.169.254/latest"), Errc::denied},
        {"too large", ok(std::string(5000, 'x')), Errc::too_large},
        {"stall", "HTTP/1.1 200 OK\r\nContent-Length: 10\r\n\r\n", Errc::timeout}};
    fetch_options_.limits.bytes_max = 4000;
    for (const Row& row : rows) {
        SCOPED_TRACE(row.name);
        // Short only where it is awaited: a loaded machine must not turn the others into stalls.
        fetch_options_.limits.stall_timeout = row.want == Errc::timeout ? 1s : 60s;
        fetcher_.reset();
        TinyServer server(std::vector<std::string>{row.answer});
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
    TinyServer server(std::vector<std::string>{"HTTP/1.1 200 OK\r\nContent-Length: 10\r\n\r\n"});
    auto done = std::async(std::launch::async, [&] { return fetch(server.url("/x")); });
    cancelled_ = true;
    ASSERT_EQ(done.wait_for(k_deadline), std::future_status::ready);
    EXPECT_EQ(done.get().error().code, Errc::cancelled);
}

TEST_F(FetchTest, UnpacksArchives) {
    for (const char* name : {"a.tar", "a.tgz", "a.tar.xz", "a.tbz2", "a.tar.zst", "a.zip"}) {
        SCOPED_TRACE(name);
        const std::string path = make_archive(name, {{"dir/", AE_IFDIR, ""},
                                                     {"dir/file", AE_IFREG, name},
                                                     {"./top", AE_IFREG, "top"},
                                                     {"run", AE_IFREG, "#!", false, 0755}});
        const Result<void> done = fetch(path);
        ASSERT_TRUE(done) << done.error().text;
        EXPECT_EQ(got("dir/file"), name);
        EXPECT_EQ(got("top"), "top");
        EXPECT_TRUE(std::filesystem::exists(sandbox_ + "/" + name));  // The archive stays.
        EXPECT_EQ(mode_of(sandbox_ + "/" + "run"), 0755u);
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
        const std::string archive = make_archive(std::string(row.name) + ".tar", row.entries);
        const Result<void> as_root = fetch(archive);
        ASSERT_FALSE(as_root);
        EXPECT_TRUE(as_root.error().code == Errc::denied ||
                    as_root.error().code == Errc::invalid_argument)
            << as_root.error().text;
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
    fetch_options_.limits.bytes_max = 1 << 20;
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

TEST_F(FetchTest, SetUserIdIsDropped) {
    ASSERT_TRUE(fetch(make_archive("suid.tar", {{"x", AE_IFREG, "x", false, 06755}})));
    EXPECT_EQ(mode_of(sandbox_ + "/" + "x"), 0755u);
}

TEST_F(FetchTest, CorruptArchiveIsAnError) {
    std::ofstream(base_ + "/source/bad.tgz") << "this is no archive";
    EXPECT_FALSE(fetch(base_ + "/source/bad.tgz"));
    std::ofstream(base_ + "/source/bad.txt.gz") << "nor is this gzip";
    EXPECT_FALSE(fetch(base_ + "/source/bad.txt.gz"));
}

TEST_F(FetchTest, NothingOfATaskIsLeftWhereItFailed) {
    std::ofstream(base_ + "/source/a") << "a";
    mesos::v1::CommandInfo command;
    command.add_uris()->set_value(base_ + "/source/a");
    command.add_uris()->set_value(base_ + "/source/missing");
    EXPECT_FALSE(fetch(command));
    EXPECT_EQ(entries(sandbox_), 0u);
}

TEST_F(FetchTest, ManyAreFetchedAtOnceAndPlacedInOrder) {
    // Each of four waits until all four have asked.
    std::atomic<int> asked = 0;
    const TinyServer::Answer meet = [&](const std::string&, std::size_t) {
        const auto deadline = std::chrono::steady_clock::now() + k_deadline;
        ++asked;
        while (asked < 4 && std::chrono::steady_clock::now() < deadline) std::this_thread::yield();
        return ok(asked >= 4 ? "met" : "alone");
    };
    TinyServer one(meet), two(meet), three(meet), four(meet);
    mesos::v1::CommandInfo command;
    for (const TinyServer* server : {&one, &two, &three, &four})
        command.add_uris()->set_value(server->url(fmt::format("/{}", server->port())));
    // The later one of two with the same name wins, however long the earlier one takes.
    TinyServer early([&](const std::string&, std::size_t) { return ok("early"); });
    TinyServer late([&](const std::string&, std::size_t) { return ok("late"); });
    for (const TinyServer* server : {&early, &late}) {
        auto* uri = command.add_uris();
        uri->set_value(server->url("/x"));
        uri->set_output_file("same");
    }
    const Result<void> done = fetch(command);
    ASSERT_TRUE(done) << done.error().text;
    EXPECT_EQ(got(std::to_string(one.port())), "met");
    EXPECT_EQ(got(std::to_string(four.port())), "met");
    EXPECT_EQ(got("same"), "late");
    EXPECT_EQ(entries(sandbox_), 5u);
}

TEST_F(FetchTest, OneFailureStopsTheOthers) {
    TinyServer stalled(std::vector<std::string>{"HTTP/1.1 200 OK\r\nContent-Length: 9\r\n\r\n"});
    mesos::v1::CommandInfo command;
    command.add_uris()->set_value(stalled.url("/x"));
    command.add_uris()->set_value("/no/such/file");
    fetch_options_.limits.stall_timeout = 1h;
    const Result<void> done = fetch(command);
    ASSERT_FALSE(done);
    EXPECT_NE(done.error().text.find("/no/such/file"), std::string::npos) << done.error().text;
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
    TinyServer server(std::vector<std::string>{"HTTP/1.1 200 OK\r\nContent-Length: 10\r\n\r\n"});
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
