#include "containerizer/images/registry_client.h"

#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include "containerizer/images/digest.h"
#include "containerizer/images/images_testing.h"
#include "wire/base64.h"

namespace tepui::containerizer::images {
namespace {

using testing::HasSubstr;
using testing::IsEmpty;

class RegistryClientTest : public testing::Test {
protected:
    RegistryClientTest() : options_(test_options("/unused")) {
        registry_.add("v1", {TestTar().file("a", std::string(300'000, 'a'))});
        for (const auto& [digest, bytes] : registry_.blobs)
            if (!bytes.starts_with("{")) layer_ = {digest, bytes.size()};
        registry_.blobs[layer_.digest].append(1 << 16, 'p');  // Bigger than a socket's buffer.
        content_ = registry_.blobs[layer_.digest];
        layer_.size = content_.size();
    }

    RegistryClient& client(RegistryLogin login = {}, std::string scheme = "http") {
        client_ = std::make_unique<RegistryClient>(ImageName{server_.host(), "app", "v1", ""},
                                                   std::move(scheme), std::move(login), options_);
        return *client_;
    }
    Result<Document> manifest(RegistryLogin login = {}, const std::string& reference = "v1") {
        return client(std::move(login)).manifest(session_, reference, never_);
    }
    /// The bytes that came of the layer.
    Result<std::string> blob() {
        std::string came;
        const BlobSink sink = [&came](std::string_view bytes) -> Result<void> {
            came += bytes;
            return {};
        };
        TEPUI_CHECK_OK(client().blob(session_, layer_, sink, never_));
        return came;
    }

    TestRegistry registry_;
    BlobRef layer_;
    std::string content_;
    ScriptedServer server_{[this](const Asked& asked) { return registry_.serve(asked); }};
    ImageOptions options_;
    std::atomic<bool> never_ = false;
    HttpSession session_{HttpLimits{.stall_timeout = 10s}};
    std::unique_ptr<RegistryClient> client_;
};

TEST_F(RegistryClientTest, DancesForAToken) {
    ScriptedServer tokens([](const Asked& asked) -> Answer {
        std::string wanted = "Basic ";
        wire::append_base64(wanted, "me:pass");
        if (asked.header("authorization") != wanted) return {401};
        return {200, {}, R"({"token":"T1"})"};
    });
    registry_.first = [&](const Asked& asked) -> std::optional<Answer> {
        if (asked.header("authorization") == "Bearer T1") return std::nullopt;
        return Answer{401,
                      {{"WWW-Authenticate", "Bearer realm=\"http://" + tokens.host() +
                                                "/token\",service=\"reg\",scope=\"repository:app:"
                                                "pull\""}}};
    };
    const auto got = manifest({"me", "pass", "", ""});
    ASSERT_TRUE(got) << got.error().text;
    EXPECT_EQ(got->digest, digest_of(registry_.manifests["v1"]));
    ASSERT_EQ(tokens.asked().size(), 1U);
    EXPECT_EQ(tokens.asked()[0].target,
              "/token?service=reg&scope=repository%3Aapp%3Apull&account=me");
    // One token does for the next requests.
    ASSERT_TRUE(client_->manifest(session_, "v1", never_));
    EXPECT_EQ(tokens.asked().size(), 1U);
    const auto refused = manifest({"me", "wrong", "", ""});
    ASSERT_FALSE(refused);
    EXPECT_EQ(refused.error().code, Errc::unauthenticated);
    EXPECT_THAT(refused.error().text, testing::Not(HasSubstr("wrong")));
}

TEST_F(RegistryClientTest, RefreshesByAnIdentityToken) {
    ScriptedServer tokens([](const Asked& asked) -> Answer {
        return {
            200, {}, asked.method == "POST" ? R"({"access_token":")" + asked.body + "\"}" : "{}"};
    });
    registry_.first = [&](const Asked& asked) -> std::optional<Answer> {
        if (asked.header("authorization").starts_with("Bearer ")) return std::nullopt;
        return Answer{401,
                      {{"WWW-Authenticate", "Bearer realm=\"http://" + tokens.host() + "/t\""}}};
    };
    ASSERT_TRUE(manifest({"", "", "identity", ""}));
    EXPECT_THAT(tokens.asked()[0].body, HasSubstr("refresh_token=identity"));
    EXPECT_THAT(tokens.asked()[0].body, HasSubstr("grant_type=refresh_token"));
}

TEST_F(RegistryClientTest, TriesAgainAsLongAsItIsTold) {
    int left = 2;
    registry_.first = [&](const Asked&) -> std::optional<Answer> {
        if (left-- <= 0) return std::nullopt;
        return Answer{left == 1 ? 429 : 503, {{"Retry-After", "0"}}, R"({"errors":[]})"};
    };
    EXPECT_TRUE(manifest());
    left = 100;
    const auto refused = manifest();
    EXPECT_EQ(refused.error().code, Errc::unavailable);
    EXPECT_EQ(left, 97);  // attempts_max is 3.
}

TEST_F(RegistryClientTest, HonoursRetryAfter) {
    options_.backoff_max = 1s;
    bool first = true;
    registry_.first = [&](const Asked&) -> std::optional<Answer> {
        if (!std::exchange(first, false)) return std::nullopt;
        return Answer{429, {{"Retry-After", "1"}}};
    };
    const auto begin = std::chrono::steady_clock::now();
    EXPECT_TRUE(manifest());
    EXPECT_GE(std::chrono::steady_clock::now() - begin, 950ms);
}

TEST_F(RegistryClientTest, SaysWhatTheRegistrySays) {
    EXPECT_EQ(manifest({}, "none").error().code, Errc::not_found);
    EXPECT_THAT(manifest({}, "none").error().text, HasSubstr("manifest unknown"));
    registry_.first = [](const Asked&) { return Answer{403}; };
    EXPECT_EQ(manifest().error().code, Errc::denied);
    registry_.first = [](const Asked&) { return Answer{200, {}, std::string(5 << 20, ' ')}; };
    EXPECT_EQ(manifest().error().code, Errc::too_large);
    registry_.first = [&](const Asked&) {
        return Answer{200, {{"Docker-Content-Digest", "sha256:" + std::string(64, 'b')}}, "{}"};
    };
    EXPECT_EQ(manifest().error().code, Errc::corrupt);
}

TEST_F(RegistryClientTest, AManifestThatBrokeOffIsAskedForAnew) {
    bool first = true;
    registry_.first = [&](const Asked& asked) -> std::optional<Answer> {
        if (!std::exchange(first, false)) return std::nullopt;
        const auto kept = registry_.first;
        registry_.first = nullptr;
        Answer answer = registry_.serve(asked);
        answer.cut_after = 40;
        return answer;
    };
    EXPECT_TRUE(manifest());
}

TEST_F(RegistryClientTest, ABlobGoesOnWhereItBrokeOff) {
    int cuts = 2;
    registry_.first = [&](const Asked& asked) -> std::optional<Answer> {
        std::size_t from = 0;
        const std::string range = asked.header("range");
        if (!range.empty()) from = std::stoul(range.substr(6));
        Answer answer{from > 0 ? 206 : 200, {}, content_.substr(from)};
        if (from > 0)
            answer.headers["Content-Range"] =
                fmt::format("bytes {}-{}/{}", from, content_.size() - 1, content_.size());
        if (cuts-- > 0) answer.cut_after = answer.body.size() / 2;
        return answer;
    };
    const auto came = blob();
    ASSERT_TRUE(came) << came.error().text;
    EXPECT_EQ(*came, content_);
    ASSERT_EQ(server_.asked().size(), 3U);
    EXPECT_EQ(server_.asked()[0].header("range"), "");
    EXPECT_THAT(server_.asked()[2].header("range"), testing::StartsWith("bytes="));
}

TEST_F(RegistryClientTest, AServerWithoutRangesIsReadFromItsBeginning) {
    int cuts = 1;
    registry_.first = [&](const Asked&) -> std::optional<Answer> {
        Answer answer{200, {}, content_};
        if (cuts-- > 0) answer.cut_after = content_.size() / 2;
        return answer;
    };
    EXPECT_EQ(*blob(), content_);
}

TEST_F(RegistryClientTest, AnotherLengthOrPartIsCorrupt) {
    registry_.first = [&](const Asked&) { return Answer{200, {}, content_ + "more"}; };
    EXPECT_EQ(blob().error().code, Errc::corrupt);
    registry_.first = [&](const Asked&) { return Answer{200, {}, content_.substr(1)}; };
    EXPECT_EQ(blob().error().code, Errc::corrupt);
    registry_.first = [&](const Asked& asked) -> std::optional<Answer> {
        Answer answer{200, {}, content_, content_.size() / 2};
        if (asked.header("range").empty()) return answer;
        return Answer{206, {{"Content-Range", "bytes 1-2/3"}}, "xx"};
    };
    EXPECT_EQ(blob().error().code, Errc::corrupt);
}

TEST_F(RegistryClientTest, CredentialsStayAtTheRegistry) {
    ScriptedServer storage([&](const Asked& asked) -> Answer {
        if (!asked.header("authorization").empty()) return {400};
        return {200, {}, content_};
    });
    registry_.first = [&](const Asked&) -> std::optional<Answer> {
        return Answer{307, {{"Location", "http://" + storage.host() + "/x?sig=1"}}, "moved"};
    };
    std::string came;
    const BlobSink sink = [&came](std::string_view bytes) -> Result<void> {
        came += bytes;
        return {};
    };
    RegistryClient& asking = client({"", "", "", "TOKEN"});
    const auto done = asking.blob(session_, layer_, sink, never_);
    ASSERT_TRUE(done) << done.error().text;
    EXPECT_EQ(came, content_);
    EXPECT_EQ(server_.asked()[0].header("authorization"), "Bearer TOKEN");
    EXPECT_EQ(storage.asked()[0].header("authorization"), "");
    registry_.first = [&](const Asked&) { return Answer{302, {{"Location", "/again"}}}; };
    EXPECT_EQ(manifest().error().code, Errc::unavailable);  // For ever.
    registry_.first = [&](const Asked&) {
        return Answer{302, {{"Location", "file:///etc/passwd"}}};
    };
    EXPECT_FALSE(manifest());
    registry_.first = [&](const Asked&) {
        return Answer{302, {{"Location", "http://169.254.169.254/latest"}}};
    };
    EXPECT_EQ(manifest().error().code, Errc::denied);
}

TEST_F(RegistryClientTest, ASilentServerIsLeft) {
    options_.attempts_max = 1;
    HttpSession impatient(HttpLimits{.stall_timeout = 1s});
    registry_.first = [&](const Asked&) {
        Answer answer{200, {}, content_, 10};
        answer.stall = true;
        return answer;
    };
    const BlobSink sink = [](std::string_view) -> Result<void> { return {}; };
    const auto done = client().blob(impatient, layer_, sink, never_);
    ASSERT_FALSE(done);
    EXPECT_EQ(done.error().code, Errc::unavailable);
    EXPECT_THAT(done.error().text, HasSubstr("nothing came"));
}

TEST_F(RegistryClientTest, ACancelledTransferEndsSoon) {
    registry_.first = [&](const Asked&) {
        Answer answer{200, {}, content_, 10};
        answer.stall = true;
        return answer;
    };
    std::atomic<bool> cancelled = false;
    const BlobSink sink = [&](std::string_view) -> Result<void> {
        cancelled = true;
        return {};
    };
    EXPECT_EQ(client().blob(session_, layer_, sink, cancelled).error().code, Errc::cancelled);
}

TEST_F(RegistryClientTest, PlainHttpIsForThisMachineAndForWhatIsListed) {
    EXPECT_TRUE(client({}, "").manifest(session_, "v1", never_));  // Found out by itself.
    ImageOptions options;
    options.insecure_registries = {"reg.local", "h:5000"};
    for (const char* plain : {"localhost", "localhost:1", "127.0.0.1:5000", "127.9.9.9", "[::1]:5",
                              "reg.local", "reg.local:80", "h:5000"})
        EXPECT_TRUE(may_be_plain(plain, options)) << plain;
    for (const char* not_plain : {"docker.io", "127.0.0.1.evil.com", "h", "h:5001", "10.0.0.1:5000",
                                  "localhost.evil.com", "[fe80::1]:5"})
        EXPECT_FALSE(may_be_plain(not_plain, options)) << not_plain;
}

}  // namespace
}  // namespace tepui::containerizer::images
