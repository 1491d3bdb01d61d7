// Pulls from a real docker-registry, which skopeo filled (tests/harness/registry.py).
#include <fcntl.h>
#include <gmock/gmock.h>
#include <gtest/gtest.h>
#include <spawn.h>
#include <sys/stat.h>
#include <sys/wait.h>
#include <unistd.h>

#include <filesystem>
#include <fstream>
#include <sstream>

#include "containerizer/images/image_store.h"
#include "containerizer/images/images_testing.h"
#include "containerizer/images/json.h"
#include "containerizer/images/registry_client.h"

namespace tepui::containerizer::images {
namespace {

using testing::ElementsAre;

/// The registry of the harness, in a process that ends with this object.
class RealRegistry {
public:
    explicit RealRegistry(const std::string& folder, std::vector<std::string> login = {}) {
        int in[2];
        int out[2];
        if (::pipe2(in, O_CLOEXEC) != 0 || ::pipe2(out, O_CLOEXEC) != 0) return;
        posix_spawn_file_actions_t actions;
        ::posix_spawn_file_actions_init(&actions);
        ::posix_spawn_file_actions_adddup2(&actions, in[0], STDIN_FILENO);
        ::posix_spawn_file_actions_adddup2(&actions, out[1], STDOUT_FILENO);
        std::vector<std::string> words{"python3", "-W", "ignore",
                                       TEPUI_SOURCE_DIR "/tests/harness/registry.py", folder};
        words.insert(words.end(), login.begin(), login.end());
        std::vector<char*> argv;
        for (std::string& word : words) argv.push_back(word.data());
        argv.push_back(nullptr);
        ::posix_spawnp(&pid_, "python3", &actions, nullptr, argv.data(), environ);
        ::posix_spawn_file_actions_destroy(&actions);
        ::close(in[0]);
        ::close(out[1]);
        stdin_ = in[1];
        std::string line;
        char c = 0;
        while (::read(out[0], &c, 1) == 1 && c != '\n') line += c;
        ::close(out[0]);
        const auto parsed = Json::parse(line);
        if (!parsed) return;
        for (const char* key : {"host", "app", "other", "zstd"})
            told[key] = text_at(parsed->root(), key);
    }
    RealRegistry(const RealRegistry&) = delete;
    RealRegistry& operator=(const RealRegistry&) = delete;
    ~RealRegistry() {
        ::close(stdin_);
        ::waitpid(pid_, nullptr, 0);
    }
    std::map<std::string, std::string> told;

private:
    pid_t pid_ = -1;
    int stdin_ = -1;
};

class RealRegistryTest : public testing::Test {
protected:
    void open(const RealRegistry& registry) {
        ASSERT_EQ(::geteuid(), 0U) << "these tests need root";
        ASSERT_FALSE(registry.told.empty())
            << "needs python3, skopeo, docker-registry and busybox-static";
        store_.reset();
        const std::string shim = TEPUI_SHIM_PATH;
        options_.unpack_program = shim.substr(0, shim.rfind('/') + 1) + "tepui-unpack";
        auto opened = ImageStore::open(options_);
        ASSERT_TRUE(opened) << opened.error().text;
        store_ = *opened;
    }
    Result<StoredImage> get(const std::string& name, const std::string& config = "") {
        return store_->get({name, true, config, ""}, never_, {});
    }
    static std::string text(const std::string& path) {
        std::ifstream file(path);
        std::ostringstream out;
        out << file.rdbuf();
        return out.str();
    }
    void expect_app(const Result<StoredImage>& image) {
        ASSERT_TRUE(image) << image.error().text;
        ASSERT_EQ(image->layers.size(), 2U);
        EXPECT_THAT(image->config.entrypoint, ElementsAre("/bin/sh"));
        EXPECT_EQ(image->config.user, "app");
        EXPECT_EQ(text(image->layers[1] + "/etc/motd"), "hello\n");
        struct stat found{};
        EXPECT_EQ(::stat((image->layers[1] + "/bin/setuid").c_str(), &found), 0);
        EXPECT_EQ(found.st_mode & 07777, 04755U);
        EXPECT_EQ(::lstat((image->layers[1] + "/etc/group").c_str(), &found), 0);
        EXPECT_TRUE(S_ISCHR(found.st_mode));
        EXPECT_EQ(::stat((image->layers[0] + "/bin/busybox").c_str(), &found), 0);
        EXPECT_EQ(found.st_mode & 07777, 0755U);
    }

    TemporaryDirectory folder_;
    ImageOptions options_ = test_options(folder_.path());
    std::atomic<bool> never_ = false;
    std::shared_ptr<ImageStore> store_;
};

TEST_F(RealRegistryTest, PullsByTagDigestIndexAndCompression) {
    const RealRegistry registry(folder_.path() + "/registry");
    open(registry);
    const std::string host = registry.told.at("host");
    const auto app = get(host + "/app:v1");
    expect_app(app);
    EXPECT_EQ(app->digest, registry.told.at("app"));
    EXPECT_EQ(get(host + "/app@" + registry.told.at("app"))->layers, app->layers);
    EXPECT_EQ(get(host + "/app:index")->digest, app->digest);
    EXPECT_EQ(get(host + "/app:other")->layers.at(0), app->layers[0]);  // Stored once.
    expect_app(get(host + "/zstd:v1"));
    EXPECT_EQ(get(host + "/app:foreign").error().code, Errc::unsupported);
    EXPECT_EQ(get(host + "/app:none").error().code, Errc::not_found);
    EXPECT_EQ(get(host + "/nothing").error().code, Errc::not_found);

    // The same as archives of a directory.
    options_.registry = folder_.path() + "/registry";
    open(registry);
    expect_app(get("saved:v1"));
    const auto layout = get("layout");
    expect_app(layout);
    EXPECT_EQ(layout->digest, registry.told.at("app"));
}

TEST_F(RealRegistryTest, ShowsThePasswordThatIsAskedFor) {
    const RealRegistry registry(folder_.path() + "/registry", {"tester", "secret"});
    open(registry);
    const std::string host = registry.told.at("host");
    EXPECT_EQ(get(host + "/app:v1").error().code, Errc::unauthenticated);
    const std::string config = R"({"auths":{")" + host + R"(":{"auth":"dGVzdGVyOnNlY3JldA=="}}})";
    expect_app(get(host + "/app:v1", config));
    options_.docker_config = config;
    open(registry);
    expect_app(get(host + "/app:v1"));
}

TEST_F(RealRegistryTest, SpeaksHttpsWithThoseItTrusts) {
    const RealRegistry registry(folder_.path() + "/registry", {"tls"});
    open(registry);
    const std::string host = registry.told.at("host");
    // A registry of this machine may be plain; one that shows a certificate must show a good one.
    EXPECT_EQ(get(host + "/app:v1").error().code, Errc::denied);
    const std::string trusted = folder_.path() + "/certs.d/" + host;
    std::filesystem::create_directories(trusted);
    std::filesystem::copy(folder_.path() + "/registry/ca.crt", trusted);
    HttpSession session(HttpLimits{.certificates = folder_.path() + "/certs.d"});
    RegistryClient client({host, "app", "v1", ""}, "", {}, options_);
    const auto manifest = client.manifest(session, "v1", never_);
    ASSERT_TRUE(manifest) << manifest.error().text;
    EXPECT_EQ(manifest->digest, registry.told.at("app"));
}

}  // namespace
}  // namespace tepui::containerizer::images
