#include "containerizer/images/manifest.h"

#include <gmock/gmock.h>
#include <gtest/gtest.h>
#include <rapidcheck/gtest.h>

#include "containerizer/images/challenge.h"
#include "containerizer/images/docker_config.h"
#include "containerizer/images/prune_plan.h"

namespace tepui::containerizer::images {
namespace {

using testing::HasSubstr;

std::string hex(char c) { return "sha256:" + std::string(64, c); }

std::string entry(char digest, const std::string& platform) {
    return R"({"digest":")" + hex(digest) + R"(","size":5,"platform":)" + platform + "}";
}

const Platform amd64{"linux", "amd64", ""};

TEST(Manifest, TheIndexGivesWhatFitsTheMachineBest) {
    const std::string index =
        R"({"schemaVersion":2,"manifests":[)" +
        entry('1', R"({"os":"windows","architecture":"amd64"})") + "," +
        entry('2', R"({"os":"linux","architecture":"amd64","variant":"v3"})") + "," +
        entry('3', R"({"os":"linux","architecture":"amd64"})") + "," +
        entry('4', R"({"os":"linux","architecture":"arm","variant":"v6"})") + "," +
        entry('5', R"({"os":"linux","architecture":"arm","variant":"v7"})") + "," +
        entry('6', R"({"os":"linux","architecture":"arm64"})") + "," +
        entry('7', R"({"os":"unknown","architecture":"unknown"})") + "]}";
    struct Row {
        const char* machine;
        char want;  // 0: none.
    };
    for (const Row row : {Row{"x86_64", '3'}, Row{"armv7l", '5'}, Row{"armv6l", '4'},
                          Row{"aarch64", '6'}, Row{"s390x", 0}}) {
        SCOPED_TRACE(row.machine);
        const auto choice = read_manifest(index, "", platform_of(row.machine));
        if (row.want == 0) {
            ASSERT_FALSE(choice);
            EXPECT_EQ(choice.error().code, Errc::not_found);
            EXPECT_THAT(choice.error().text, HasSubstr("linux/arm/v6"));
            continue;
        }
        ASSERT_TRUE(choice) << choice.error().text;
        EXPECT_EQ(choice->chosen.digest, hex(row.want));
    }
}

TEST(Manifest, OnlyImagesThatCanBeVerifiedAreRead) {
    const std::string config =
        R"("config":{"mediaType":"application/vnd.oci.image.config.v1+json","digest":")" +
        hex('c') + R"(","size":2})";
    const auto layer = [](const std::string& type, const std::string& digest) {
        return R"({"mediaType":")" + type + R"(","digest":")" + digest + R"(","size":9})";
    };
    const std::string tar = "application/vnd.docker.image.rootfs.diff.tar.gzip";
    struct Row {
        std::string json;
        std::optional<Errc> want;
    };
    const Row rows[] = {
        {"{\"schemaVersion\":2," + config + ",\"layers\":[" + layer(tar, hex('a')) + "]}", {}},
        {"{\"schemaVersion\":2," + config + ",\"layers\":[" + layer(tar, "sha512:1") + "]}",
         Errc::corrupt},
        {"{\"schemaVersion\":2," + config + ",\"layers\":[" +
             layer("application/vnd.docker.image.rootfs.foreign.diff.tar.gzip", hex('a')) + "]}",
         Errc::unsupported},
        {"{\"schemaVersion\":2," + config + ",\"layers\":[" + layer("text/plain", hex('a')) + "]}",
         Errc::unsupported},
        {"{\"schemaVersion\":2," + config + ",\"layers\":[],\"manifests\":[]}", Errc::corrupt},
        {R"({"schemaVersion":1,"fsLayers":[]})", Errc::unsupported},
        {R"({"schemaVersion":2,"config":{"mediaType":"application/vnd.cncf.helm.config.v1+json"},)"
         R"("layers":[]})",
         Errc::unsupported},
        {R"({"schemaVersion":2})", Errc::corrupt},
        {"[]", Errc::corrupt},
        {"{", Errc::corrupt},
        {"", Errc::corrupt},
    };
    for (const Row& row : rows) {
        SCOPED_TRACE(row.json);
        const auto read = read_manifest(row.json, "", amd64);
        EXPECT_EQ(read ? std::nullopt : std::optional(read.error().code), row.want);
        if (read) EXPECT_EQ(read->manifest->layers, (std::vector<BlobRef>{{hex('a'), 9}}));
    }
}

TEST(Manifest, TheConfigurationSaysHowToRun) {
    const auto file = read_config(
        R"({"os":"linux","architecture":"amd64","rootfs":{"diff_ids":["x","y"]},"config":{
            "User":"a:b","WorkingDir":"/w","Env":["A=1","B=2"],"Entrypoint":["/e"],"Cmd":["c","d"],
            "Volumes":{"/v":{}},"ExposedPorts":{"80/tcp":{}},"StopSignal":"SIGINT",
            "Labels":{"k":"v"}}})");
    ASSERT_TRUE(file);
    const ImageConfig want{"a:b",  "/w",       {"A=1", "B=2"}, {"/e"},      {"c", "d"},
                           {"/v"}, {"80/tcp"}, "SIGINT",       {{"k", "v"}}};
    EXPECT_EQ(file->config, want);
    EXPECT_EQ(file->diff_ids, (std::vector<std::string>{"x", "y"}));
    EXPECT_TRUE(read_config(R"({"config":null})"));
    EXPECT_TRUE(check_platform({"linux", "amd64", ""}, amd64));
    EXPECT_TRUE(check_platform({"", "", ""}, amd64));
    EXPECT_FALSE(check_platform({"linux", "arm64", ""}, amd64));
    EXPECT_FALSE(check_platform({"windows", "amd64", ""}, amd64));
}

RC_GTEST_PROP(ManifestProperty, NoBytesEndTheProcess, (std::string bytes)) {
    (void)read_manifest(bytes, bytes, amd64);
    (void)read_config(bytes);
    (void)parse_docker_config(bytes);
    (void)parse_challenges(bytes);
    (void)parse_image_gc(bytes);
}

TEST(Challenge, IsReadInAllItsForms) {
    struct Row {
        const char* header;
        std::vector<Challenge> want;
    };
    const Row rows[] = {
        {R"(Bearer realm="https://a/t",service="s",scope="repository:x:pull,push")",
         {{"bearer",
           {{"realm", "https://a/t"}, {"service", "s"}, {"scope", "repository:x:pull,push"}}}}},
        {R"(Basic realm="r \"q\"", BEARER Realm=x)",
         {{"basic", {{"realm", "r \"q\""}}}, {"bearer", {{"realm", "x"}}}}},
        {"Negotiate", {{"negotiate", {}}}},
        {"", {}},
        {"=,\"", {}},
    };
    for (const Row& row : rows) EXPECT_EQ(parse_challenges(row.header), row.want) << row.header;
}

TEST(Retry, WaitsLongerAndAsLongAsItIsTold) {
    EXPECT_EQ(pause_before_retry(1, {}, 100ms, 10s), 100ms);
    EXPECT_EQ(pause_before_retry(4, {}, 100ms, 10s), 800ms);
    EXPECT_EQ(pause_before_retry(40, {}, 100ms, 10s), 10s);
    EXPECT_EQ(pause_before_retry(1, Duration(3s), 100ms, 10s), 3s);
    EXPECT_EQ(pause_before_retry(1, Duration(3h), 100ms, 10s), 10s);
    const auto now = std::chrono::system_clock::from_time_t(784111777);
    EXPECT_EQ(parse_retry_after("7", now), 7s);
    EXPECT_EQ(parse_retry_after("Sun, 06 Nov 1994 08:49:47 GMT", now), 10s);
    EXPECT_EQ(parse_retry_after("Sun, 06 Nov 1994 08:49:07 GMT", now), 0s);
    EXPECT_EQ(parse_retry_after("soon", now), std::nullopt);
    EXPECT_EQ(parse_retry_after("", now), std::nullopt);
    for (const long status : {408, 429, 500, 502, 503, 504}) EXPECT_TRUE(is_worth_retrying(status));
    for (const long status : {200, 400, 401, 403, 404, 501})
        EXPECT_FALSE(is_worth_retrying(status));
}

TEST(DockerConfig, NamesLoginsByRegistry) {
    const auto logins = parse_docker_config(
        R"({"auths":{"https://index.docker.io/v1/":{"auth":"dTpwOnE="},"H:5000":{"username":"a",)"
        R"("password":"b"},"t":{"identitytoken":"i"},"e":{}},"credsStore":"x"})");
    ASSERT_TRUE(logins);
    const RegistryLogins want{{"docker.io", {"u", "p:q", "", ""}},
                              {"h:5000", {"a", "b", "", ""}},
                              {"t", {"", "", "i", ""}}};
    EXPECT_EQ(*logins, want);
    EXPECT_EQ(parse_docker_config(R"({"h:1":{"auth":"dTpw"},"email":{}})")->size(), 1U);
    const auto bad = parse_docker_config(R"({"auths":{"h":{"auth":"SECRET"}}})");
    ASSERT_FALSE(bad);
    EXPECT_THAT(bad.error().text, testing::Not(HasSubstr("SECRET")));
    EXPECT_FALSE(parse_docker_config("text"));
}

TEST(Prune, KeepsWhatIsUsedNamedOrBeingPulled) {
    const Inventory inventory{
        {{"a", "A"}, {"b", "B"}, {"c", "C"}},
        {{"A", {"1", "2"}}, {"B", {"1", "3"}}, {"C", {"4"}}, {"D", {"5"}}},
        {"1", "2", "3", "4", "5", "6", "7"},
        {"B"},
        {"7"},
    };
    EXPECT_EQ(plan_prune(inventory, {"c", "unknown"}),
              (PrunePlan{{"a"}, {"A", "D"}, {"2", "5", "6"}}));
    EXPECT_EQ(plan_prune({}, {}), PrunePlan{});
    EXPECT_TRUE(is_disk_short(9, 100, 0.1));
    EXPECT_FALSE(is_disk_short(10, 100, 0.1));
}

TEST(Prune, TheFlagIsReadOrRefused) {
    const auto options = parse_image_gc(
        R"({"image_disk_headroom":0.2,"image_disk_watch_interval":{"nanoseconds":5000000000},)"
        R"("excluded_images":[{"type":"DOCKER","docker":{"name":"x"}},"y"]})");
    ASSERT_TRUE(options) << options.error().text;
    EXPECT_EQ(*options, (ImageGcOptions{0.2, 5s, {"x", "y"}}));
    EXPECT_EQ(*parse_image_gc("{}"), ImageGcOptions{});
    EXPECT_EQ(parse_image_gc(R"({"image_disk_watch_interval":"2mins"})")->watch_interval, 2min);
    for (const char* bad :
         {"", "[]", R"({"image_disk_headroom":2})", R"({"image_disk_watch_interval":1})",
          R"({"excluded_images":[1]})", R"({"headroom":1})", R"({"image_disk_headroom":"x"})"})
        EXPECT_FALSE(parse_image_gc(bad)) << bad;
}

}  // namespace
}  // namespace tepui::containerizer::images
