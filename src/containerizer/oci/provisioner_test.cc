#include "containerizer/oci/provisioner.h"

#include <fcntl.h>
#include <gmock/gmock.h>
#include <gtest/gtest.h>
#include <sys/stat.h>
#include <sys/sysmacros.h>
#include <sys/xattr.h>
#include <unistd.h>

#include <filesystem>
#include <fstream>

#include "base/temporary_directory_testing.h"
#include "containerizer/cgroups/files.h"

namespace tepui::containerizer::oci {
namespace {
namespace fs = std::filesystem;

class ProvisionerTest : public testing::TestWithParam<Backend> {
protected:
    void SetUp() override { ASSERT_EQ(::geteuid(), 0u) << "root filesystems are made by root"; }

    std::string path(const std::string& name) const { return folder_.path() + "/" + name; }
    void write(const std::string& name, const std::string& text) const {
        fs::create_directories(fs::path(path(name)).parent_path());
        std::ofstream(path(name)) << text;
    }
    Result<std::string> provision(std::vector<std::string> layers) {
        for (std::string& layer : layers) layer = path(layer);
        EXPECT_TRUE(provisioner_.prepare());
        return provisioner_.provision("one", layers);
    }
    std::string read(const std::string& root, const std::string& name) const {
        return cgroups::read_file(root + "/" + name);
    }

    TemporaryDirectory folder_;
    Provisioner provisioner_{folder_.path() + "/p", GetParam()};
};

TEST_P(ProvisionerTest, LaterLayersHideReplaceAndRemove) {
    write("l1/etc/kept", "1");
    write("l1/etc/gone", "1");
    write("l1/dir/old", "1");
    write("l1/was-file", "1");
    write("l2/etc/new", "2");
    write("l2/dir/fresh", "2");
    write("l2/was-file/inside", "2");
    ASSERT_EQ(::mknod(path("l2/etc/gone").c_str(), S_IFCHR | 0600, makedev(0, 0)), 0);
    ASSERT_EQ(::setxattr(path("l2/dir").c_str(), "trusted.overlay.opaque", "y", 1, 0), 0);
    const auto root = provision({"l1", "l2"});
    ASSERT_TRUE(root) << root.error().text;
    EXPECT_EQ(read(*root, "etc/kept"), "1");
    EXPECT_EQ(read(*root, "etc/new"), "2");
    EXPECT_FALSE(fs::exists(*root + "/etc/gone"));
    EXPECT_FALSE(fs::exists(*root + "/dir/old"));
    EXPECT_EQ(read(*root, "dir/fresh"), "2");
    EXPECT_EQ(read(*root, "was-file/inside"), "2");
    ASSERT_TRUE(provisioner_.remove("one"));
    EXPECT_FALSE(fs::exists(path("p/one")));
    EXPECT_EQ(read(path("l1"), "etc/gone"), "1");
}

TEST_P(ProvisionerTest, WhatAContainerWritesStaysOutOfTheLayers) {
    write("l1/file", "1");
    const auto root = provision({"l1"});
    ASSERT_TRUE(root) << root.error().text;
    std::ofstream(*root + "/file") << "changed";
    EXPECT_EQ(read(*root, "file"), "changed");
    EXPECT_EQ(read(path("l1"), "file"), "1");
    ASSERT_TRUE(provisioner_.remove("one"));
}

TEST_P(ProvisionerTest, OwnersModesLinksAndTimesAreTheLayers) {
    write("l1/program", "#!");
    ASSERT_EQ(::chown(path("l1/program").c_str(), 7, 8), 0);
    ASSERT_EQ(::chmod(path("l1/program").c_str(), 04755), 0);
    fs::create_hard_link(path("l1/program"), path("l1/other-name"));
    fs::create_symlink("/etc/passwd", path("l1/link"));
    const auto root = provision({"l1"});
    ASSERT_TRUE(root) << root.error().text;
    struct stat stat{};
    ASSERT_EQ(::lstat((*root + "/program").c_str(), &stat), 0);
    EXPECT_EQ(stat.st_uid, 7u);
    EXPECT_EQ(stat.st_gid, 8u);
    EXPECT_EQ(stat.st_mode & 07777, 04755u);
    EXPECT_EQ(stat.st_nlink, 2u);
    EXPECT_EQ(fs::read_symlink(*root + "/link"), "/etc/passwd");
    ASSERT_TRUE(provisioner_.remove("one"));
}

TEST_P(ProvisionerTest, ALinkOfOneLayerLeadsAnotherNowhere) {
    write("outside/file", "safe");
    fs::create_directories(path("l1"));
    fs::create_symlink(path("outside"), path("l1/dir"));
    write("l2/dir/file", "planted");
    const auto root = provision({"l1", "l2"});
    ASSERT_TRUE(root) << root.error().text;
    EXPECT_EQ(read(path("outside"), "file"), "safe");
    EXPECT_EQ(read(*root, "dir/file"), "planted");
    EXPECT_TRUE(fs::is_directory(fs::symlink_status(*root + "/dir")));
    ASSERT_TRUE(provisioner_.remove("one"));
}

TEST_P(ProvisionerTest, HasRoomForAsManyLayersAsDockerAllows) {
    std::vector<std::string> layers;
    for (int i = 0; i < 127; ++i) {
        layers.push_back(fmt::format("a-directory-with-a-rather-long-name-for-a-layer/{}", i));
        write(fmt::format("{}/{}", layers.back(), i), "x");
    }
    const auto root = provision(layers);
    ASSERT_TRUE(root) << root.error().text;
    EXPECT_EQ(read(*root, "0"), "x");
    EXPECT_EQ(read(*root, "126"), "x");
    ASSERT_TRUE(provisioner_.remove("one"));
}

TEST_P(ProvisionerTest, RemovesWhatAnEarlierAgentMounted) {
    write("l1/file", "1");
    ASSERT_TRUE(provision({"l1"}));
    std::vector<MountPlan> mounts{
        {.source = path("work/volume"), .target = "/v", .type = "", .data = {}}};
    write("work/volume/file", "kept");
    ASSERT_TRUE(provisioner_.hold_sources("one", path("work"), mounts));
    const Provisioner later(path("p"), Backend::copy);
    EXPECT_THAT(later.names(), testing::ElementsAre("one"));
    ASSERT_TRUE(later.remove("one"));
    EXPECT_TRUE(later.names().empty());
    EXPECT_EQ(read(path("work"), "volume/file"), "kept");
    EXPECT_TRUE(later.remove("one"));
}

INSTANTIATE_TEST_SUITE_P(Backends, ProvisionerTest,
                         testing::Values(Backend::overlay, Backend::copy), [](const auto& info) {
                             return info.param == Backend::overlay ? "overlay" : "copy";
                         });

class HeldSources : public ProvisionerTest {};

TEST_P(HeldSources, ALinkOnTheWayIsRefused) {
    write("l1/file", "1");
    ASSERT_TRUE(provision({"l1"}));
    write("outside/file", "secret");
    fs::create_directories(path("work"));
    fs::create_symlink(path("outside"), path("work/volume"));
    std::vector<MountPlan> mounts{
        {.source = path("work/volume"), .target = "/v", .type = "", .data = {}}};
    EXPECT_FALSE(provisioner_.hold_sources("one", path("work"), mounts));
    ASSERT_TRUE(provisioner_.remove("one"));
}

TEST_P(HeldSources, WhatWasHeldStaysWhatItWas) {
    write("l1/file", "1");
    ASSERT_TRUE(provision({"l1"}));
    write("work/volume/file", "mine");
    write("outside/file", "secret");
    std::vector<MountPlan> mounts{
        {.source = path("work/volume"), .target = "/v", .type = "", .data = {}},
        {.source = path("work/volume/file"), .target = "/f", .type = "", .data = {}},
        {.source = "/etc/hosts", .target = "/etc/hosts", .type = "", .data = {}}};
    ASSERT_TRUE(provisioner_.hold_sources("one", path("work"), mounts));
    fs::rename(path("work/volume"), path("work/moved"));
    fs::create_symlink(path("outside"), path("work/volume"));
    EXPECT_EQ(read(mounts[0].source, "file"), "mine");
    EXPECT_EQ(cgroups::read_file(mounts[1].source), "mine");
    EXPECT_EQ(mounts[2].source, "/etc/hosts");
    ASSERT_TRUE(provisioner_.remove("one"));
}

INSTANTIATE_TEST_SUITE_P(Overlay, HeldSources, testing::Values(Backend::overlay));

TEST(ChooseBackend, OverlayIsTriedAndUnknownNamesAreRefused) {
    const TemporaryDirectory folder;
    const auto chosen = choose_backend("", folder.path() + "/scratch");
    ASSERT_TRUE(chosen) << chosen.error().text;
    EXPECT_EQ(*chosen, Backend::overlay);
    EXPECT_FALSE(fs::exists(folder.path() + "/scratch"));
    EXPECT_EQ(*choose_backend("copy", folder.path() + "/scratch"), Backend::copy);
    EXPECT_FALSE(choose_backend("aufs", folder.path() + "/scratch"));
}

}  // namespace
}  // namespace tepui::containerizer::oci
