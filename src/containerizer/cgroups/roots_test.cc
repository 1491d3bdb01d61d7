#include "containerizer/cgroups/roots.h"

#include <gmock/gmock.h>
#include <gtest/gtest.h>
#include <unistd.h>

#include <filesystem>
#include <thread>

namespace tepui::containerizer::cgroups {
namespace {
namespace fs = std::filesystem;

/// A folder that stands for a mounted hierarchy.
class RootsTest : public ::testing::Test {
protected:
    void SetUp() override {
        mount_ = "/tmp/tepui-roots-" + std::to_string(::getpid());
        fs::create_directories(mount_);
    }
    void TearDown() override { fs::remove_all(mount_); }
    void make(const std::string& root) {
        const Result<void> made = make_root(mount_, root);
        ASSERT_TRUE(made) << made.error().text;
        ASSERT_TRUE(exists(root));
    }
    bool exists(const std::string& path) const { return fs::exists(mount_ + "/" + path); }

    std::string mount_;
};

TEST_F(RootsTest, WhatWasMadeIsRemovedWithTheLast) {
    make("a/one");
    make("a/two");
    make("a/two");  // As after a restart.
    remove_root(mount_, "a/one");
    EXPECT_FALSE(exists("a/one"));
    EXPECT_TRUE(exists("a/two"));
    remove_root(mount_, "./a//two/");
    EXPECT_FALSE(exists("a"));
    EXPECT_TRUE(fs::exists(mount_));
    remove_root(mount_, "a/two");  // Gone already.
}

TEST_F(RootsTest, WhatIsNotEmptyStays) {
    make("a/one");
    fs::create_directory(mount_ + "/a/one/container");
    remove_root(mount_, "a/one");
    EXPECT_TRUE(exists("a/one/container"));
    fs::remove(mount_ + "/a/one/container");
    remove_root(mount_, "a/one");
    EXPECT_FALSE(exists("a"));
}

TEST_F(RootsTest, WhatOthersMadeStays) {
    fs::create_directories(mount_ + "/theirs/also");
    make("theirs/also");
    remove_root(mount_, "theirs/also");
    EXPECT_TRUE(exists("theirs/also"));
    make("theirs/also/ours");
    remove_root(mount_, "theirs/also/ours");
    EXPECT_TRUE(exists("theirs/also"));
    EXPECT_FALSE(exists("theirs/also/ours"));
}

TEST_F(RootsTest, NothingOutsideIsRemoved) {
    make("a");
    make("b");
    for (const char* bad : {"", "/a", "a/../b", "../"}) remove_root(mount_ + "/a", bad);
    remove_root(mount_ + "/a", "../b");
    EXPECT_TRUE(exists("a"));
    EXPECT_TRUE(exists("b"));
    EXPECT_FALSE(make_root(mount_ + "/missing", "a"));
}

TEST_F(RootsTest, ManyMayComeAndGoAtOnce) {
    const auto come_and_go = [this](const std::string& root) {
        for (int i = 0; i < 100; ++i) {
            make(root);
            remove_root(mount_, root);
        }
    };
    {
        const std::jthread one(come_and_go, "a/b/one");
        const std::jthread two(come_and_go, "a/b/two");
    }
    EXPECT_FALSE(exists("a"));
}

TEST(Roots, EveryHierarchyOfThisMachineIsNamedOnce) {
    const std::vector<std::string> points = mount_points();
    ASSERT_FALSE(points.empty());
    const std::string root = "tepui-roots-test-" + std::to_string(::getpid());
    make_roots_for_runtime(root);
    EXPECT_THAT(
        points,
        ::testing::Contains(::testing::ResultOf(
            [&](const std::string& point) { return fs::exists(point + "/" + root); }, true)));
    remove_roots(root);
    for (const std::string& point : points) EXPECT_FALSE(fs::exists(point + "/" + root)) << point;
}

}  // namespace
}  // namespace tepui::containerizer::cgroups
