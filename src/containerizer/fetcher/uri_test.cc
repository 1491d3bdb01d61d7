#include <gtest/gtest.h>
#include <rapidcheck/gtest.h>

#include <curl/curl.h>

#include "containerizer/beneath.h"
#include "containerizer/fetcher/plan.h"
#include "containerizer/fetcher/retry.h"
#include "containerizer/fetcher/target.h"

namespace tepui::containerizer::fetcher {
namespace {

const std::string k_sha256 = "e3b0c44298fc1c149afbf4c8996fb92427ae41e4649b934ca495991b7852b855";

mesos::v1::CommandInfo::URI uri_of(const std::string& value, const std::string& output = {}) {
    mesos::v1::CommandInfo::URI uri;
    uri.set_value(value);
    if (!output.empty()) uri.set_output_file(output);
    return uri;
}

TEST(FetchPlanTest, ReadsUris) {
    struct Row {
        const char* value;
        const char* output;
        bool executable;
        FetchPlan want;
    };
    const Row rows[] = {
        {"/a/b.txt", "", false, {Source::local_file, "/a/b.txt", "b.txt"}},
        {"file:///a/b.tgz",
         "",
         false,
         {Source::local_file, "/a/b.tgz", "b.tgz", false, Unpack::archive}},
        {"FILE://localhost/a/b.tzst",
         "",
         false,
         {Source::local_file, "/a/b.tzst", "b.tzst", false, Unpack::archive}},
        {"rel/b.gz",
         "",
         false,
         {Source::local_file, "/home/rel/b.gz", "b.gz", false, Unpack::gzip}},
        {"http://h/x/app.zip", "", true, {Source::http, "http://h/x/app.zip", "app.zip", true}},
        {"HTTPS://h/x?q=1", "d/x", false, {Source::http, "HTTPS://h/x?q=1", "d/x"}},
        {"ftp://h/d/x.tar.bz2",
         "",
         false,
         {Source::ftp, "ftp://h/d/x.tar.bz2", "x.tar.bz2", false, Unpack::archive}},
        {"s3://bucket/a/b.tar.zst",
         "",
         false,
         {Source::s3, "s3://bucket/a/b.tar.zst", "b.tar.zst", false, Unpack::archive}},
        {"hdfs:///a/b", "", false, {Source::hdfs, "hdfs:///a/b", "b"}},
        {"webhdfs://n:9870/a/b.txz",
         "",
         false,
         {Source::webhdfs, "webhdfs://n:9870/a/b.txz", "b.txz", false, Unpack::archive}},
        {"s3n://b/k", "", false, {Source::hadoop, "s3n://b/k", "k"}},
    };
    for (const Row& row : rows) {
        SCOPED_TRACE(row.value);
        mesos::v1::CommandInfo::URI uri = uri_of(row.value, row.output);
        if (row.executable) uri.set_executable(true);
        const Result<FetchPlan> plan = plan_fetch(uri, "/home");
        ASSERT_TRUE(plan) << plan.error().text;
        EXPECT_TRUE(*plan == row.want);
    }
}

TEST(FetchPlanTest, RefusesWhatNamesNothing) {
    for (const char* value :
         {"", "file://host/x", "http://host", "http://host/", "/", "http:///x", "://x/y",
          "1x://h/y", "s3://bucket", "s3://key:secret@bucket/x", "har://file-/etc/shadow",
          "http://h/x\r\nEvil: 1", "/a#sha256=12", "/a#sha1=da39a3ee"}) {
        SCOPED_TRACE(value);
        EXPECT_FALSE(plan_fetch(uri_of(value), "/home"));
    }
    EXPECT_FALSE(plan_fetch(uri_of("rel"), ""));
    for (const char* output : {"../x", "/etc/x", "a/../../x", ".", "a/"}) {
        SCOPED_TRACE(output);
        EXPECT_FALSE(plan_fetch(uri_of("rel", output), "/home"));
    }
}

TEST(FetchPlanTest, TakesTheChecksumOff) {
    std::string upper = k_sha256;
    std::ranges::transform(upper, upper.begin(), [](char c) { return std::toupper(c); });
    const auto plan = plan_fetch(uri_of("http://h/a.tgz#sha256=" + upper), "");
    ASSERT_TRUE(plan);
    EXPECT_EQ(plan->from, "http://h/a.tgz");
    EXPECT_EQ(plan->output, "a.tgz");
    EXPECT_EQ(plan->unpack, Unpack::archive);
    ASSERT_TRUE(plan->checksum);
    EXPECT_EQ(plan->checksum->algorithm, "sha256");
    EXPECT_EQ(plan->checksum->hex, k_sha256);
    // A name may have such characters.
    const auto plain = plan_fetch(uri_of("/a/b#1"), "");
    ASSERT_TRUE(plain);
    EXPECT_EQ(plain->from, "/a/b#1");
    EXPECT_FALSE(plain->checksum);
}

TEST(FetchPlanTest, OnlyWhatComesFromElsewhereIsCached) {
    auto uri = uri_of("http://h/x");
    uri.set_cache(true);
    EXPECT_TRUE(plan_fetch(uri, "")->cache);
    uri.set_value("/x");
    EXPECT_FALSE(plan_fetch(uri, "")->cache);
}

TEST(DisplayUriTest, HidesSecrets) {
    EXPECT_EQ(display_uri("https://me:pass@h/x?sig=abc#sha256=1"), "https://h/x?...");
    EXPECT_EQ(display_uri("https://h/a@b"), "https://h/a@b");
    EXPECT_EQ(display_uri("ftp://me:p@ss@h/x"), "ftp://h/x");
    EXPECT_EQ(display_uri("/a/b?c@d"), "/a/b?c@d");
    EXPECT_EQ(display_uri("gopher://x/y"), "gopher://x/y");
}

RC_GTEST_PROP(DisplayUriTest, NeverShowsPasswordOrQuery, (const std::string& junk)) {
    const std::string shown =
        display_uri("http://user:SECRET@host/" + junk + "?token=SECRET&" + junk);
    RC_ASSERT(shown.find("SECRET") == std::string::npos);
}

RC_GTEST_PROP(FetchPlanTest, NeverLeadsOutOfTheSandbox,
              (const std::string& value, const std::string& output)) {
    const std::string scheme =
        *rc::gen::element<std::string>("", "http://", "file://", "s3://b/", "../", "hdfs://n/../");
    const auto plan = plan_fetch(uri_of(scheme + value, output), "/home");
    if (!plan) return;
    const auto parts = clean_path(plan->output);
    RC_ASSERT(parts.has_value());
    RC_ASSERT(!parts->empty());
}

Target target_of(const std::string& uri, const Variables& task, const Variables& agent = {}) {
    const auto plan = plan_fetch(uri_of(uri), "");
    EXPECT_TRUE(plan);
    const auto target = make_target(*plan, task, agent, "ann");
    EXPECT_TRUE(target) << target.error().text;
    return target.value_or(Target{});
}

TEST(TargetTest, S3) {
    const Variables task{{"AWS_ACCESS_KEY_ID", "K"},
                         {"AWS_SECRET_ACCESS_KEY", "S"},
                         {"AWS_SESSION_TOKEN", "T"},
                         {"AWS_DEFAULT_REGION", "eu-west-1"}};
    const Target own = target_of("s3://bucket/a b/c+d", task);
    EXPECT_EQ(own.url, "https://bucket.s3.eu-west-1.amazonaws.com/a%20b/c%2Bd");
    EXPECT_EQ(own.sigv4, "aws:amz:eu-west-1:s3");
    EXPECT_EQ(own.username, "K");
    EXPECT_EQ(own.headers, (std::vector<std::string>{"x-amz-content-sha256: " + k_sha256,
                                                     "x-amz-security-token: T"}));
    EXPECT_EQ(target_of("s3://a.b/k", task).url, "https://s3.eu-west-1.amazonaws.com/a.b/k");

    const Target open = target_of("s3://bucket/k", {});
    EXPECT_EQ(open.url, "https://bucket.s3.us-east-1.amazonaws.com/k");
    EXPECT_EQ(open.sigv4, "");

    const Variables agent{{"AWS_ACCESS_KEY_ID", "AK"},
                          {"AWS_SECRET_ACCESS_KEY", "AS"},
                          {"AWS_ENDPOINT_URL", "http://s3.local:9000/"}};
    const Target agents = target_of("s3://bucket/k", {}, agent);
    EXPECT_EQ(agents.url, "http://s3.local:9000/bucket/k");
    EXPECT_EQ(agents.username, "AK");
    // The agent's credentials go to no endpoint that a task names.
    const Target stolen = target_of("s3://b/k", {{"AWS_ENDPOINT_URL", "http://evil"}}, agent);
    EXPECT_EQ(stolen.url, "http://evil/b/k");
    EXPECT_EQ(stolen.username, "");
    EXPECT_EQ(stolen.sigv4, "");
}

TEST(TargetTest, WebHdfs) {
    EXPECT_EQ(target_of("webhdfs://n:50070/a/b c", {}).url,
              "http://n:50070/webhdfs/v1/a/b%20c?op=OPEN&user.name=ann");
    EXPECT_EQ(target_of("swebhdfs://n:9871/a", {}).url,
              "https://n:9871/webhdfs/v1/a?op=OPEN&user.name=ann");
    EXPECT_EQ(target_of("hdfs://n:8020/a", {}).url,
              "http://n:9870/webhdfs/v1/a?op=OPEN&user.name=ann");
    EXPECT_EQ(target_of("hdfs://n/a", {}).url, "http://n:9870/webhdfs/v1/a?op=OPEN&user.name=ann");
    EXPECT_EQ(target_of("hdfs://[::1]:1234/a", {}).url,
              "http://[::1]:1234/webhdfs/v1/a?op=OPEN&user.name=ann");
    EXPECT_FALSE(make_target(*plan_fetch(uri_of("hdfs:///a"), ""), {}, {}, "ann"));
    EXPECT_FALSE(make_target(*plan_fetch(uri_of("s3n://b/a"), ""), {}, {}, "ann"));
}

TEST(TargetTest, ReasonsOfErrors) {
    EXPECT_EQ(error_reason(Source::s3,
                           "<Error><Code>NoSuchKey</Code><Message><![CDATA[gone]]></Message>"),
              "NoSuchKey: gone");
    EXPECT_EQ(error_reason(Source::webhdfs,
                           R"({"RemoteException":{"message":"File does not exist: /x"}})"),
              "File does not exist: /x");
    EXPECT_EQ(error_reason(Source::http, "<Code>x</Code>"), "");
}

TEST(RetryTest, WhatIsTriedAgain) {
    EXPECT_TRUE(is_transient(Source::http, CURLE_OK, 503));
    EXPECT_TRUE(is_transient(Source::http, CURLE_OK, 429));
    EXPECT_FALSE(is_transient(Source::http, CURLE_OK, 404));
    EXPECT_FALSE(is_transient(Source::http, CURLE_OK, 501));
    EXPECT_TRUE(is_transient(Source::http, CURLE_COULDNT_CONNECT, 0));
    EXPECT_TRUE(is_transient(Source::http, CURLE_PARTIAL_FILE, 200));
    EXPECT_FALSE(is_transient(Source::http, CURLE_OPERATION_TIMEDOUT, 0));
    EXPECT_TRUE(is_transient(Source::ftp, CURLE_REMOTE_FILE_NOT_FOUND, 450));
    EXPECT_FALSE(is_transient(Source::ftp, CURLE_REMOTE_FILE_NOT_FOUND, 550));
}

TEST(RetryTest, WaitsLongerEachTime) {
    EXPECT_EQ(back_off(1, {}, 0), 500ms);
    EXPECT_EQ(back_off(2, {}, 0), 1s);
    EXPECT_EQ(back_off(3, {}, 1), 1500ms);
    EXPECT_EQ(back_off(60, {}, 0), 30s);
    EXPECT_EQ(back_off(1, 7s, 1), 7s);
    EXPECT_EQ(back_off(1, 1h, 1), 30s);
    EXPECT_EQ(parse_retry_after("3"), Duration(3s));
    EXPECT_FALSE(parse_retry_after("Fri, 31 Dec 1999 23:59:59 GMT"));
}

TEST(RetryTest, ReadsHeaders) {
    EXPECT_EQ(header_value("ETag: \"x\" \r\n", "etag"), "\"x\"");
    EXPECT_FALSE(header_value("ETagged: x\r\n", "etag"));
    EXPECT_TRUE(is_strong_etag("\"x\""));
    EXPECT_FALSE(is_strong_etag("W/\"x\""));
    EXPECT_EQ(content_range_begin("bytes 5-9/10"), 5u);
    EXPECT_FALSE(content_range_begin("bytes */10"));
    EXPECT_FALSE(content_range_begin("lines 1-2/3"));
}

}  // namespace
}  // namespace tepui::containerizer::fetcher
