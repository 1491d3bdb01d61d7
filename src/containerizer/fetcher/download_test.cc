// What servers do to downloads: break them off, come back later, change their minds.
#include <sys/stat.h>

#include "containerizer/fetcher/checksum.h"
#include "containerizer/fetcher/fetch_fixture.h"

namespace tepui::containerizer::fetcher {
namespace {

const std::string k_etag = "ETag: \"v1\"\r\n";

bool has(const std::string& text, const std::string& part) {
    return text.find(part) != std::string::npos;
}

TEST_F(FetchTest, TransientFailuresAreTriedAgain) {
    TinyServer server(std::vector<std::string>{answer("503 Busy", "Retry-After: 0\r\n", "x"),
                                               answer("429 Slow", "Retry-After: 0\r\n", "x"), "",
                                               ok("at last")});
    const Result<void> done = fetch(server.url("/x"));
    ASSERT_TRUE(done) << done.error().text;
    EXPECT_EQ(got("x"), "at last");
    EXPECT_EQ(fetcher().stats().retries, 3u);
    EXPECT_TRUE(has(log(), "again in")) << log();
}

TEST_F(FetchTest, ItIsGivenUpAfterFiveTimes) {
    TinyServer server([](const std::string&, std::size_t) {
        return answer("503 Busy", "Retry-After: 0\r\n", "x");
    });
    const Result<void> done = fetch(server.url("/x"));
    ASSERT_FALSE(done);
    EXPECT_EQ(done.error().code, Errc::unavailable);
    EXPECT_TRUE(has(done.error().text, "503 (tried 5 times)")) << done.error().text;
    EXPECT_EQ(server.requests().size(), 5u);
}

TEST_F(FetchTest, WhatBrokeOffGoesOn) {
    TinyServer server([](const std::string& request, std::size_t number) {
        if (number == 0) return answer("200 OK", k_etag, "first ", 12);
        if (!has(request, "Range: bytes=6-") || !has(request, "If-Range: \"v1\""))
            return ok("not asked for the rest");
        return answer("206 Partial Content", k_etag + "Content-Range: bytes 6-11/12\r\n", "second");
    });
    const Result<void> done = fetch(server.url("/x"));
    ASSERT_TRUE(done) << done.error().text;
    EXPECT_EQ(got("x"), "first second");
    EXPECT_EQ(fetcher().stats().bytes_fetched, 12u);
}

TEST_F(FetchTest, WhatChangedMeanwhileBeginsAnew) {
    TinyServer server(std::vector<std::string>{answer("200 OK", k_etag, "first ", 12),
                                               ok("new", "ETag: \"v2\"\r\n")});
    ASSERT_TRUE(fetch(server.url("/x")));
    EXPECT_EQ(got("x"), "new");
    // Without an ETag there is no telling.
    TinyServer plain([](const std::string& request, std::size_t number) {
        if (number == 0) return answer("200 OK", "", "longer than", 30);
        return ok(has(request, "Range") ? "asked" : "whole");
    });
    ASSERT_TRUE(fetch(plain.url("/y")));
    EXPECT_EQ(got("y"), "whole");
}

TEST_F(FetchTest, APartThatDoesNotFitIsRefused) {
    TinyServer server([](const std::string&, std::size_t number) {
        if (number == 0) return answer("200 OK", k_etag, "first ", 12);
        return answer("206 Partial Content", k_etag + "Content-Range: bytes 0-5/12\r\n", "first ");
    });
    EXPECT_FALSE(fetch(server.url("/x")));
    EXPECT_EQ(entries(sandbox_), 0u);
}

TEST_F(FetchTest, ErrorsTellNoSecrets) {
    TinyServer server(std::vector<std::string>{answer("403 Forbidden", "", "no")});
    const std::string url =
        fmt::format("http://me:secret@127.0.0.1:{}/x?sig=secret", server.port());
    const Result<void> done = fetch(url);
    ASSERT_FALSE(done);
    EXPECT_EQ(done.error().code, Errc::denied);
    EXPECT_FALSE(has(done.error().text + log(), "secret")) << done.error().text << log();
    EXPECT_TRUE(has(done.error().text, fmt::format("'http://127.0.0.1:{}/x?...'", server.port())));
    // That user did ask.
    EXPECT_TRUE(has(server.requests().at(0), "Authorization: Basic"));
}

TEST_F(FetchTest, ChecksumsAreHeldAgainstTheBytes) {
    const std::string right = "ba7816bf8f01cfea414140de5dae2223b00361a396177a9cb410ff61f20015ad";
    TinyServer server([](const std::string&, std::size_t) { return ok("abc"); });
    ASSERT_TRUE(fetch(server.url("/x#sha256=" + right)));
    EXPECT_EQ(got("x"), "abc");
    EXPECT_FALSE(has(server.requests().at(0), "#"));

    const std::string wrong(64, '0');
    const Result<void> done = fetch(server.url("/y#sha256=" + wrong));
    ASSERT_FALSE(done);
    EXPECT_EQ(done.error().code, Errc::corrupt);
    EXPECT_TRUE(has(done.error().text, right) && has(done.error().text, wrong))
        << done.error().text;
    EXPECT_EQ(entries(sandbox_), 1u);  // It never appeared.

    std::ofstream(base_ + "/source/local") << "abc";
    EXPECT_TRUE(fetch(base_ + "/source/local#sha256=" + right));
    EXPECT_FALSE(fetch(base_ + "/source/local#sha512=" + std::string(128, 'a')));
}

TEST_F(FetchTest, TheCacheAsksWhetherItIsStillTheSame) {
    std::atomic<int> version = 1;
    TinyServer server([&](const std::string& request, std::size_t) {
        const std::string etag = fmt::format("\"v{}\"", version.load());
        if (has(request, "If-None-Match: " + etag)) return answer("304 Not Modified", "", "");
        return ok("version " + std::to_string(version), "ETag: " + etag + "\r\n");
    });
    ASSERT_TRUE(fetch_cached(server.url("/x"), "a"));
    ASSERT_TRUE(fetch_cached(server.url("/x"), "b"));
    version = 2;
    ASSERT_TRUE(fetch_cached(server.url("/x"), "c"));
    EXPECT_EQ(got("a"), "version 1");
    EXPECT_EQ(got("b"), "version 1");
    EXPECT_EQ(got("c"), "version 2");
    const FetchStats stats = fetcher().stats();
    EXPECT_EQ(stats.cache_hits, 1u);
    EXPECT_EQ(stats.cache_misses, 2u);
    EXPECT_EQ(stats.cache_bytes_used, 9u);
    EXPECT_EQ(stats.bytes_fetched, 18u);
}

TEST_F(FetchTest, TheCacheIsOfEachUser) {
    TinyServer server([&](const std::string&, std::size_t number) {
        return ok("answer " + std::to_string(number));
    });
    const Result<User> nobody = find_user("nobody");
    ASSERT_TRUE(nobody);
    ASSERT_EQ(::fchown(directory_.get(), nobody->uid, nobody->gid), 0);
    mesos::v1::CommandInfo::URI uri;
    uri.set_value(server.url("/x"));
    uri.set_cache(true);
    ASSERT_TRUE(fetch(uri, &*nobody));
    EXPECT_EQ(got("x"), "answer 0");
    struct stat stat{};
    ASSERT_EQ(::stat((sandbox_ + "/x").c_str(), &stat), 0);
    EXPECT_EQ(stat.st_uid, nobody->uid);
    ASSERT_TRUE(fetch(uri));
    EXPECT_EQ(got("x"), "answer 1");
    ASSERT_TRUE(fetch(uri, &*nobody));
    EXPECT_EQ(got("x"), "answer 0");
}

TEST_F(FetchTest, WhatTheCacheCannotHoldIsFetchedAllTheSame) {
    fetch_options_.own.cache_bytes = 3;
    TinyServer server([&](const std::string&, std::size_t) { return ok("long"); });
    ASSERT_TRUE(fetch_cached(server.url("/x"), "x"));
    EXPECT_EQ(got("x"), "long");
    EXPECT_EQ(fetcher().stats().cache_bytes_used, 0u);
}

TEST_F(FetchTest, AnArchiveOfTheCacheIsUnpackedWithoutACopy) {
    const std::string archive = read(make_archive("a.tgz", {{"inside", AE_IFREG, "content"}}));
    TinyServer server([&](const std::string&, std::size_t) { return ok(archive); });
    mesos::v1::CommandInfo::URI uri;
    uri.set_value(server.url("/a.tgz"));
    uri.set_cache(true);
    for (int i = 0; i < 2; ++i) {
        ASSERT_TRUE(fetch(uri));
        EXPECT_EQ(got("inside"), "content");
        std::filesystem::remove(sandbox_ + "/inside");
        EXPECT_EQ(entries(sandbox_), 0u);
    }
    EXPECT_EQ(server.requests().size(), 1u);
}

TEST_F(FetchTest, WebHdfsGoesWhereTheNamenodeSends) {
    TinyServer datanode([](const std::string& request, std::size_t) {
        return ok(has(request, "GET /webhdfs/v1/d/x?op=OPEN&at=datanode ") ? "block" : request);
    });
    TinyServer namenode([&](const std::string& request, std::size_t) {
        if (has(request, "/missing"))
            return answer("404 Not Found", "",
                          R"({"RemoteException":{"message":"File does not exist: /missing"}})");
        if (!has(request, "GET /webhdfs/v1/d/x?op=OPEN&user.name=root ")) return request;
        return answer("307 Temporary Redirect",
                      "Location: " + datanode.url("/webhdfs/v1/d/x?op=OPEN&at=datanode") + "\r\n",
                      "");
    });
    const std::string authority = fmt::format("127.0.0.1:{}", namenode.port());
    for (const char* scheme : {"hdfs://", "webhdfs://"}) {
        const Result<void> done = fetch(scheme + authority + "/d/x", "x");
        ASSERT_TRUE(done) << done.error().text;
        EXPECT_EQ(got("x"), "block");
    }
    const Result<void> missing = fetch("webhdfs://" + authority + "/missing");
    ASSERT_FALSE(missing);
    EXPECT_EQ(missing.error().code, Errc::not_found);
    EXPECT_TRUE(has(missing.error().text, "File does not exist: /missing"));
}

TEST_F(FetchTest, S3RequestsAreSigned) {
    TinyServer server([](const std::string& request, std::size_t) {
        if (has(request, "/secret"))
            return answer("403 Forbidden", "",
                          "<Error><Code>AccessDenied</Code><Message>No.</Message></Error>");
        return ok("object");
    });
    variables_ = {{"AWS_ENDPOINT_URL", server.url("")},
                  {"AWS_ACCESS_KEY_ID", "KEYID"},
                  {"AWS_SECRET_ACCESS_KEY", "very secret"},
                  {"AWS_SESSION_TOKEN", "token"},
                  {"AWS_REGION", "eu-west-1"}};
    const Result<void> done = fetch("s3://bucket/dir/a b");
    ASSERT_TRUE(done) << done.error().text;
    EXPECT_EQ(got("a b"), "object");
    const std::string request = server.requests().at(0);
    EXPECT_TRUE(has(request, "GET /bucket/dir/a%20b HTTP")) << request;
    EXPECT_TRUE(has(request, "Authorization: AWS4-HMAC-SHA256 Credential=KEYID/")) << request;
    EXPECT_TRUE(has(request, "/eu-west-1/s3/aws4_request")) << request;
    EXPECT_TRUE(has(request, "x-amz-security-token")) << request;
    const Result<void> denied = fetch("s3://bucket/secret");
    ASSERT_FALSE(denied);
    EXPECT_EQ(denied.error().code, Errc::denied);
    EXPECT_TRUE(has(denied.error().text, "AccessDenied: No.")) << denied.error().text;
    EXPECT_FALSE(has(denied.error().text, "very secret"));
}

class HadoopTest : public FetchTest {
protected:
    void make_client(const std::string& script) {
        std::filesystem::create_directories(base_ + "/hadoop/bin");
        const std::string path = base_ + "/hadoop/bin/hadoop";
        std::ofstream(path) << "#!/bin/sh\n" << script << "\n";
        ASSERT_EQ(::chmod(path.c_str(), 0755), 0);
        fetch_options_.own.hadoop_home = base_ + "/hadoop";
        fetch_options_.environment = {{"PATH", "/usr/bin:/bin"}};
    }
};

TEST_F(HadoopTest, TheClientFetchesOtherSchemes) {
    make_client(R"([ "$1 $2" = "fs -copyToLocal" ] && echo -n "$3 as $HADOOP_USER_NAME" >"$4")");
    const Result<void> done = fetch("s3n://bucket/x");
    ASSERT_TRUE(done) << done.error().text;
    EXPECT_EQ(got("x"), "s3n://bucket/x as root");
    ASSERT_TRUE(fetch("hdfs:///d/y"));
    EXPECT_EQ(got("y"), "hdfs:///d/y as root");
    EXPECT_EQ(entries(base_ + "/cache"), 1u);  // Its lock.
}

TEST_F(HadoopTest, ItsLastWordIsTheReason) {
    make_client("echo 'WARN something' >&2; echo 'copyToLocal: no such file' >&2; exit 1");
    const Result<void> done = fetch("hdfs://n/x");
    ASSERT_FALSE(done);
    EXPECT_TRUE(has(done.error().text, "status 1: copyToLocal: no such file")) << done.error().text;
    EXPECT_EQ(entries(sandbox_), 0u);
}

TEST_F(HadoopTest, AClientThatHangsIsEndedWithAllItStarted) {
    make_client("sleep 1000 & wait");
    fetch_options_.limits.stall_timeout = 1s;
    const Result<void> done = fetch("hdfs://n/x");
    ASSERT_FALSE(done);
    EXPECT_EQ(done.error().code, Errc::timeout);
}

TEST_F(HadoopTest, WithoutAClientTheWayOutIsNamed) {
    const Result<void> done = fetch("s3n://bucket/x");
    ASSERT_FALSE(done);
    EXPECT_EQ(done.error().code, Errc::unsupported);
    EXPECT_TRUE(has(done.error().text, "--hadoop_home"));
}

}  // namespace
}  // namespace tepui::containerizer::fetcher
