#include <fcntl.h>
#include <gmock/gmock.h>
#include <gtest/gtest.h>
#include <sys/stat.h>

#include <algorithm>
#include <condition_variable>
#include <filesystem>
#include <fstream>
#include <sstream>

#include "containerizer/images/digest.h"
#include "containerizer/images/image_store.h"
#include "containerizer/images/images_testing.h"
#include "wire/base64.h"

namespace tepui::containerizer::images {
namespace {

namespace fs = std::filesystem;
using testing::ElementsAre;
using testing::HasSubstr;
using testing::IsEmpty;
using testing::SizeIs;

class StoreTest : public testing::Test {
protected:
    void SetUp() override {
        ASSERT_EQ(::geteuid(), 0U) << "these tests need root";
        registry_.add("v1", {base_, top_}, R"({"Cmd":["/bin/app"],"Env":["A=1"]})");
        options_ = test_options(folder_.path());
        const std::string shim = TEPUI_SHIM_PATH;
        options_.unpack_program = shim.substr(0, shim.rfind('/') + 1) + "tepui-unpack";
        options_.log = [this](const std::string& line) {
            const std::lock_guard lock(log_mutex_);
            log_ += line + "\n";
        };
    }

    void open() {
        store_.reset();
        auto opened = ImageStore::open(options_);
        ASSERT_TRUE(opened) << opened.error().text;
        store_ = *opened;
        store_->recovered();
    }
    Result<StoredImage> get(const std::string& name, const std::string& holder = "",
                            bool cached = true, const std::string& config = "") {
        return store_->get({name, cached, config, holder}, never_, {});
    }
    std::string name(const std::string& tag = "v1") const { return server_.host() + "/app:" + tag; }
    static std::string text(const std::string& path) {
        std::ifstream file(path);
        std::ostringstream out;
        out << file.rdbuf();
        return out.str();
    }
    std::size_t entries(const std::string& folder) const {
        std::size_t count = 0;
        for (const auto& each : fs::directory_iterator(options_.store_dir + "/" + folder))
            count += each.exists() ? 1 : 0;
        return count;
    }
    std::string log() const {
        const std::lock_guard lock(log_mutex_);
        return log_;
    }

    TemporaryDirectory folder_;
    TestTar base_ = TestTar().file("bin/app", "program", 0755).file("etc/conf", "old");
    TestTar top_ = TestTar().file("etc/conf", "new");
    TestRegistry registry_;
    ScriptedServer server_{[this](const Asked& asked) { return registry_.serve(asked); }};
    ImageOptions options_;
    std::atomic<bool> never_ = false;
    mutable std::mutex log_mutex_;
    std::string log_;
    std::shared_ptr<ImageStore> store_;
};

TEST_F(StoreTest, PullsOnceAndKeepsOverARestart) {
    open();
    const auto first = get(name(), "c1");
    ASSERT_TRUE(first) << first.error().text;
    EXPECT_EQ(first->digest, digest_of(registry_.manifests["v1"]));
    EXPECT_EQ(first->name, name());
    EXPECT_THAT(first->config.cmd, ElementsAre("/bin/app"));
    ASSERT_THAT(first->layers, SizeIs(2));
    EXPECT_EQ(text(first->layers[0] + "/etc/conf"), "old");
    EXPECT_EQ(text(first->layers[1] + "/etc/conf"), "new");
    const std::size_t asked = server_.asked().size();
    EXPECT_TRUE(get(name()));
    EXPECT_EQ(server_.asked().size(), asked);
    EXPECT_EQ(entries("tmp"), 0U);

    ASSERT_FALSE(ImageStore::open(options_));  // Used by another.
    open();
    const auto later = get(name());
    ASSERT_TRUE(later);
    EXPECT_EQ(later->layers, first->layers);
    EXPECT_EQ(later->config, first->config);
    EXPECT_EQ(server_.asked().size(), asked);
    EXPECT_TRUE(store_->pin(first->digest, "c1"));
    EXPECT_EQ(store_->pin("sha256:0", "c1").error().code, Errc::not_found);
}

TEST_F(StoreTest, UncachedAsksWhatTheTagMeansNow) {
    open();
    ASSERT_TRUE(get(name()));
    const std::string moved = registry_.add("v1", {base_, TestTar().file("third", "3")});
    EXPECT_NE(get(name())->digest, moved);
    const auto fresh = get(name(), "", false);
    ASSERT_TRUE(fresh);
    EXPECT_EQ(fresh->digest, moved);
    EXPECT_EQ(get(name())->digest, moved);
    EXPECT_EQ(server_.count("/v2/app/blobs/" + digest_of(base_.gzip())), 1U);  // Shared.
    EXPECT_EQ(get(server_.host() + "/app@" + moved)->digest, moved);
}

TEST_F(StoreTest, ManyWhoAskAtOnceShareOnePull) {
    std::mutex mutex;
    std::condition_variable changed;
    bool go = false;
    registry_.first = [&](const Asked& asked) -> std::optional<Answer> {
        if (asked.target.find("/blobs/") == std::string::npos) return std::nullopt;
        std::unique_lock lock(mutex);
        changed.wait(lock, [&] { return go; });
        return std::nullopt;
    };
    registry_.add("v2", {base_});
    open();
    std::atomic<int> good = 0;
    {
        std::vector<std::jthread> threads;
        for (int i = 0; i < 8; ++i)
            threads.emplace_back([&, i] {
                if (get(name(i % 2 == 0 ? "v1" : "v2"), "c" + std::to_string(i))) ++good;
            });
        for (bool seen = false; !seen;) {
            const ImageReport report = store_->list();
            seen = report.images.size() == 2 && report.images[0].pulling;
            std::this_thread::yield();
        }
        {
            const std::lock_guard lock(mutex);
            go = true;
        }
        changed.notify_all();
    }
    EXPECT_EQ(good, 8);
    EXPECT_EQ(server_.count("/v2/app/blobs/" + digest_of(base_.gzip())), 1U);
    EXPECT_EQ(server_.count("/v2/app/manifests/v1"), 1U);
    EXPECT_EQ(store_->stats().pulls_succeeded, 2U);
    EXPECT_THAT(store_->stats().pull_ms, SizeIs(2));
    ASSERT_TRUE(store_->prune({}));
    EXPECT_THAT(store_->list().images, SizeIs(2));  // All are pinned.
}

TEST_F(StoreTest, OneWhoLeavesTakesNothingFromTheOthers) {
    std::mutex mutex;
    std::condition_variable changed;
    bool go = false;
    registry_.first = [&](const Asked&) -> std::optional<Answer> {
        std::unique_lock lock(mutex);
        changed.wait(lock, [&] { return go; });
        return std::nullopt;
    };
    open();
    std::atomic<bool> leave = false;
    std::jthread stays([&] { EXPECT_TRUE(get(name())); });
    std::jthread leaves([&] {
        const auto got = store_->get({name(), true, "", "c"}, leave, {});
        EXPECT_EQ(got.error().code, Errc::cancelled);
    });
    while (server_.asked().empty()) std::this_thread::yield();
    leave = true;
    leaves.join();
    {
        const std::lock_guard lock(mutex);
        go = true;
    }
    changed.notify_all();
    stays.join();
    ASSERT_TRUE(store_->prune({}));
    EXPECT_THAT(store_->list().images, IsEmpty());  // "c" holds nothing.
}

TEST_F(StoreTest, PruneRemovesWhatNobodyUses) {
    registry_.add("v2", {base_, TestTar().file("second", "2")});
    registry_.add("v3", {TestTar().file("third", "3")});
    open();
    const auto used = get(name("v1"), "c1");
    ASSERT_TRUE(used && get(name("v2"), "c2") && get(name("v3")));
    EXPECT_EQ(entries("layers"), 4U);
    EXPECT_GT(store_->list().bytes, 0U);
    ASSERT_TRUE(store_->prune({name("v3")}));
    EXPECT_THAT(store_->list().images, SizeIs(3));
    store_->unpin("c2");
    ASSERT_TRUE(store_->prune({}));
    const ImageReport report = store_->list();
    ASSERT_THAT(report.images, SizeIs(1));
    EXPECT_EQ(report.images[0].name, name("v1"));
    EXPECT_THAT(report.images[0].used_by, ElementsAre("c1"));
    EXPECT_EQ(entries("layers"), 2U);
    EXPECT_EQ(entries("images"), 1U);
    EXPECT_EQ(entries("names"), 1U);
    EXPECT_EQ(entries("tmp"), 0U);
    EXPECT_TRUE(fs::exists(used->layers[0] + "/bin/app"));
    EXPECT_FALSE(store_->prune({"No Name"}));
}

/// What list() says of `name` once it is pulled no more.
ImageSummary await_end(ImageStore& store, const std::string& name) {
    for (;; std::this_thread::yield()) {
        const ImageReport report = store.list();
        const auto pulling = [&](const ImageSummary& each) {
            return each.name == name && each.pulling;
        };
        if (std::ranges::any_of(report.images, pulling)) continue;
        const auto found = std::ranges::find(report.images, name, &ImageSummary::name);
        return found == report.images.end() ? ImageSummary{} : *found;
    }
}

TEST_F(StoreTest, PullsAheadAndTellsWhatCameOfIt) {
    open();
    ASSERT_EQ(store_->prefetch(name()), name());
    const ImageSummary ahead = await_end(*store_, name());
    EXPECT_EQ(ahead.digest, digest_of(registry_.manifests["v1"]));
    EXPECT_EQ(ahead.error, "");
    EXPECT_EQ(ahead.layers_shared, 0u);
    EXPECT_THAT(ahead.used_by, IsEmpty());
    // The registry is asked again, though the image is here.
    const std::string moved = registry_.add("v1", {base_, TestTar().file("third", "3")});
    ASSERT_TRUE(store_->prefetch(name()));
    EXPECT_EQ(await_end(*store_, name()).digest, moved);
    for (const ImageSummary& each : store_->list().images) EXPECT_EQ(each.layers_shared, 1u);

    ASSERT_TRUE(store_->prefetch(name("none")));
    EXPECT_THAT(await_end(*store_, name("none")).error, HasSubstr("cannot pull image"));
    registry_.add("none", {base_});
    ASSERT_TRUE(store_->prefetch(name("none")));
    EXPECT_EQ(await_end(*store_, name("none")).error, "");
    EXPECT_EQ(store_->prefetch("No Name").error().code, Errc::invalid_argument);
    ASSERT_TRUE(store_->prune({}));
    EXPECT_THAT(store_->list().images, IsEmpty());
}

TEST_F(StoreTest, KnowsOverARestartWhenAnImageWasUsedLast) {
    open();
    ASSERT_TRUE(get(name(), "c1"));
    const double pulled = store_->list().images[0].pulled_at;
    EXPECT_GE(store_->list().images[0].used_at, pulled);
    const std::string record = fs::directory_iterator(options_.store_dir + "/images")->path();
    const timespec later[2] = {{4'000'000'000, 0}, {4'000'000'000, 0}};
    ASSERT_EQ(::utimensat(AT_FDCWD, record.c_str(), later, 0), 0);
    store_.reset();
    open();
    EXPECT_EQ(store_->list().images[0].used_at, 4e9);
    ASSERT_TRUE(get(name(), "c2"));
    EXPECT_LT(store_->list().images[0].used_at, 4e9);
    EXPECT_EQ(store_->list().images[0].pulled_at, pulled);
}

TEST_F(StoreTest, NothingIsRemovedBeforeContainersAreFoundAgain) {
    auto opened = ImageStore::open(options_);
    ASSERT_TRUE(opened);
    EXPECT_EQ((*opened)->prune({}).error().code, Errc::unavailable);
}

TEST_F(StoreTest, AFullDiskRemovesImagesByItself) {
    options_.gc = ImageGcOptions{1.0, 1s, {name("v1")}};  // All of the disk is to be free.
    registry_.add("v2", {TestTar().file("second", "2")});
    open();
    ASSERT_TRUE(get(name("v1")) && get(name("v2")));
    const auto end = std::chrono::steady_clock::now() + 20s;
    while (store_->list().images.size() != 1 && std::chrono::steady_clock::now() < end)
        std::this_thread::yield();
    ASSERT_THAT(store_->list().images, SizeIs(1));
    EXPECT_EQ(store_->list().images[0].name, name("v1"));
}

TEST_F(StoreTest, WhatIsDamagedOrHalfDoneIsFetchedAgain) {
    open();
    const auto image = get(name());
    ASSERT_TRUE(image);
    fs::remove_all(image->layers[0]);
    const auto again = get(name());
    ASSERT_TRUE(again) << again.error().text;
    EXPECT_EQ(text(again->layers[0] + "/etc/conf"), "old");

    store_.reset();
    const std::string layer = fs::path(image->layers[1]).parent_path();
    std::ofstream(layer + "/layer.json") << "{";  // As after a power failure.
    fs::create_directories(options_.store_dir + "/tmp/left/fs");
    std::ofstream(options_.store_dir + "/names/0123") << "x";
    open();
    EXPECT_EQ(entries("tmp"), 0U);
    EXPECT_FALSE(fs::exists(layer));
    const auto third = get(name());
    ASSERT_TRUE(third);
    EXPECT_EQ(text(third->layers[1] + "/etc/conf"), "new");
    EXPECT_EQ(entries("names"), 1U);
}

TEST_F(StoreTest, ALayerOfAnEarlierBootIsOnlyTrustedWhenItWasSynced) {
    open();
    const auto image = get(name());
    ASSERT_TRUE(image);
    const std::string layers[] = {fs::path(image->layers[0]).parent_path(),
                                  fs::path(image->layers[1]).parent_path()};
    const auto end = std::chrono::steady_clock::now() + 30s;
    for (const std::string& each : layers)
        while (!fs::exists(each + "/durable") && std::chrono::steady_clock::now() < end)
            std::this_thread::yield();
    store_.reset();
    for (const std::string& each : layers) {
        std::string record = text(each + "/layer.json");
        const std::size_t boot = record.find("\"boot\":\"") + 8;
        record.replace(boot, 4, "0ld.");
        std::ofstream(each + "/layer.json") << record;
    }
    ASSERT_TRUE(fs::remove(layers[1] + "/durable"));
    open();
    EXPECT_TRUE(fs::exists(layers[0]));
    EXPECT_FALSE(fs::exists(layers[1]));
}

TEST_F(StoreTest, WhatIsNotWhatItsDigestSaysIsNeverKept) {
    const std::string digest = digest_of(base_.gzip());
    registry_.blobs[digest] = TestTar().file("evil", "e").gzip();
    registry_.blobs[digest].resize(base_.gzip().size(), 0);  // Of the right length.
    open();
    const auto got = get(name());
    ASSERT_FALSE(got);
    EXPECT_EQ(got.error().code, Errc::corrupt) << got.error().text;
    EXPECT_EQ(server_.count("/v2/app/blobs/" + digest), 1U);  // Fatal: not asked for again.
    EXPECT_THAT(store_->list().images, IsEmpty());
    EXPECT_EQ(entries("tmp"), 0U);
    EXPECT_EQ(store_->stats().pulls_failed, 1U);

    registry_.blobs[digest] = base_.gzip();
    const std::string config = registry_.add("v2", {base_});
    const std::string wrong = "sha256:" + std::string(64, 'a');
    registry_.manifests[wrong] = registry_.manifests["v2"];
    EXPECT_EQ(get(server_.host() + "/app@" + wrong).error().code, Errc::corrupt);
    // The configuration promises another content than the layer has.
    TestRegistry other;
    other.add("v3", {TestTar().file("x", "1")});
    std::string lie = registry_.manifests["v2"];
    for (const auto& [each, bytes] : other.blobs) registry_.blobs[each] = bytes;
    const std::string honest = digest_of(base_.gzip());
    for (const auto& [each, bytes] : other.blobs)
        if (!bytes.starts_with("{")) {
            lie.replace(lie.find(honest), honest.size(), each);
            const std::string size = "\"size\":" + std::to_string(base_.gzip().size());
            lie.replace(lie.rfind(size), size.size(), "\"size\":" + std::to_string(bytes.size()));
        }
    registry_.manifests["lie"] = lie;
    const auto lied = get(name("lie"));
    ASSERT_FALSE(lied);
    EXPECT_THAT(lied.error().text, HasSubstr("as its image says"));
}

TEST_F(StoreTest, HostileLayersAreRefusedAndLeaveNothing) {
    const std::string outside = folder_.path() + "/outside";
    fs::create_directory(outside);
    options_.bytes_max = 1 << 20;
    registry_.add("dots", {TestTar().file("../../../../outside/x", "1")});
    registry_.add("link", {base_, TestTar().symlink("l", outside).file("l/x", "1")});
    registry_.add("bomb", {TestTar().file("big", std::string(8 << 20, 'x'))});
    open();
    EXPECT_EQ(get(name("dots")).error().code, Errc::denied);
    EXPECT_EQ(get(name("bomb")).error().code, Errc::too_large);
    EXPECT_TRUE(get(name("link")));
    EXPECT_TRUE(fs::is_empty(outside));
    EXPECT_EQ(entries("tmp"), 0U);
}

TEST_F(StoreTest, ArchivesOfADirectoryAreImagesToo) {
    const std::string archives = folder_.path() + "/archives";
    fs::create_directories(archives + "/team");
    const std::string config = R"({"os":"linux","config":{"Cmd":["x"]},"rootfs":{"diff_ids":[")" +
                               digest_of(base_.bytes()) + R"("]}})";
    const std::string manifest =
        R"([{"Config":"c.json","RepoTags":["team/app:v1"],"Layers":["0/layer.tar"]}])";
    std::ofstream(archives + "/team/app.tar") << TestTar()
                                                     .file("c.json", config)
                                                     .file("1/layer.tar", base_.bytes())
                                                     .symlink("0/layer.tar", "../1/layer.tar")
                                                     .file("manifest.json", manifest)
                                                     .bytes();
    std::ofstream(archives + "/evil.tar")
        << TestTar()
               .symlink("c.json", "../../../../../../../../etc/passwd")
               .file("manifest.json", R"([{"Config":"c.json","Layers":[]}])")
               .bytes();
    options_.registry = archives;
    open();
    const auto image = get("team/app:v1");
    ASSERT_TRUE(image) << image.error().text;
    EXPECT_EQ(image->digest, digest_of(config));
    EXPECT_EQ(text(image->layers.at(0) + "/bin/app"), "program");
    EXPECT_EQ(entries("tmp"), 0U);
    const auto evil = get("evil");
    ASSERT_FALSE(evil);
    EXPECT_THAT(evil.error().text, testing::Not(HasSubstr("root:")));
    EXPECT_EQ(get("missing").error().code, Errc::not_found);
    EXPECT_TRUE(get(name()));  // A registry that is named is still asked.
}

TEST_F(StoreTest, APullIsSeenWhileItGoesOn) {
    std::mutex mutex;
    std::condition_variable changed;
    bool go = false;
    const std::string last = digest_of(top_.gzip());
    registry_.first = [&](const Asked& asked) -> std::optional<Answer> {
        if (!asked.target.ends_with(last)) return std::nullopt;
        std::unique_lock lock(mutex);
        changed.wait(lock, [&] { return go; });
        return std::nullopt;
    };
    open();
    std::vector<PullProgress> told;
    std::jthread asks([&] {
        EXPECT_TRUE(store_->get({name(), true, "", ""}, never_,
                                [&](const PullProgress& now) { told.push_back(now); }));
    });
    ImageSummary seen;
    while (seen.layers_ready != 1) {
        const ImageReport report = store_->list();
        if (!report.images.empty()) seen = report.images[0];
        std::this_thread::yield();
    }
    EXPECT_TRUE(seen.pulling);
    EXPECT_EQ(seen.name, name());
    EXPECT_EQ(seen.layers, 2U);
    EXPECT_EQ(seen.bytes, base_.gzip().size() + top_.gzip().size());
    EXPECT_EQ(seen.bytes_done, base_.gzip().size());
    {
        const std::lock_guard lock(mutex);
        go = true;
    }
    changed.notify_all();
    asks.join();
    EXPECT_THAT(log(), HasSubstr("pulled image '" + name()));
    EXPECT_THAT(log(), HasSubstr("MB/s"));
}

TEST_F(StoreTest, OnesCredentialsAreNotForOthers) {
    std::string wanted = "Basic ";
    wire::append_base64(wanted, "me:secret");
    registry_.first = [&](const Asked& asked) -> std::optional<Answer> {
        if (asked.header("authorization") == wanted) return std::nullopt;
        return Answer{401, {{"WWW-Authenticate", "Basic realm=\"r\""}}};
    };
    open();
    const std::string config =
        R"({"auths":{")" + server_.host() + R"(":{"username":"me","password":"secret"}}})";
    EXPECT_EQ(get(name()).error().code, Errc::unauthenticated);
    ASSERT_TRUE(get(name(), "", true, config));
    const std::size_t asked = server_.asked().size();
    ASSERT_TRUE(get(name(), "", true, config));
    EXPECT_EQ(server_.asked().size(), asked);
    EXPECT_EQ(get(name()).error().code, Errc::unauthenticated);
    EXPECT_THAT(log(), testing::Not(HasSubstr("secret")));
    for (const auto& each : fs::recursive_directory_iterator(options_.store_dir))
        if (each.is_regular_file())
            EXPECT_THAT(text(each.path()), testing::Not(HasSubstr("secret"))) << each.path();
    open();
    EXPECT_EQ(get(name()).error().code, Errc::unauthenticated);
    options_.docker_config = config;
    open();
    EXPECT_TRUE(get(name()));
}

TEST_F(StoreTest, RefusesOptionsThatCannotWork) {
    options_.registry = "hdfs://x";
    EXPECT_EQ(ImageStore::open(options_).error().code, Errc::invalid_argument);
    options_.registry = "/srv";
    options_.docker_config = "nonsense";
    EXPECT_EQ(ImageStore::open(options_).error().code, Errc::invalid_argument);
    options_.docker_config.clear();
    options_.unpack_program = "/nowhere";
    EXPECT_THAT(ImageStore::open(options_).error().text, HasSubstr("/nowhere"));
}

}  // namespace
}  // namespace tepui::containerizer::images
