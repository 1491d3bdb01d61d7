#include "containerizer/oci/user_namespace.h"

#include <fcntl.h>
#include <gmock/gmock.h>
#include <gtest/gtest.h>
#include <sys/stat.h>
#include <unistd.h>

#include <filesystem>
#include <fstream>

#include "base/temporary_directory_testing.h"
#include "containerizer/oci/provisioner.h"

namespace tepui::containerizer::oci {
namespace {
namespace fs = std::filesystem;

using testing::HasSubstr;

constexpr IdMap k_ids{700'000, 800'000, 65'536};

struct IdMapCase {
    std::string wanted;
    std::string answer;  // "uid gid count", or a part of the error.
};

class IdMaps : public testing::TestWithParam<IdMapCase> {};

TEST_P(IdMaps, AreAsTheFlagAndTheFilesSay) {
    const std::string subuid =
        "# a comment\nother:1:65536\nsmall:100000:1000\ntask:0:65536\ntask:200000:65536\n"
        "late:4294900000:70000\nnogroup:100000:65536\nbroken:x:y\n";
    const std::string subgid =
        "small:100000:1000\ntask:300000:131072\nlate:1:65536\nbroken:1:65536\n";
    const auto map = parse_id_map(GetParam().wanted, subuid, subgid);
    const std::string got =
        map ? fmt::format("{} {} {}", map->uid, map->gid, map->count) : map.error().text;
    EXPECT_THAT(got, HasSubstr(GetParam().answer));
}

INSTANTIATE_TEST_SUITE_P(
    All, IdMaps,
    testing::Values(
        IdMapCase{"100000:65536", "100000 100000 65536"}, IdMapCase{"task", "200000 300000 65536"},
        IdMapCase{"0:65536", "begin with 0"}, IdMapCase{"100000:65535", "images need 65536"},
        IdMapCase{"4294900000:70000", "end beyond"}, IdMapCase{"100000", "neither the name"},
        IdMapCase{"", "neither the name"}, IdMapCase{"a:b", "neither the name"},
        IdMapCase{"1:2:3", "neither the name"}, IdMapCase{"-1:65536", "neither the name"},
        IdMapCase{"99999999999:65536", "neither the name"}, IdMapCase{"small", "1000 ids"},
        IdMapCase{"late", "end beyond"}, IdMapCase{"nobody-here", "/etc/subuid has no ids"},
        IdMapCase{"nogroup", "/etc/subgid has no ids"}, IdMapCase{"broken", "has no ids"}));

class MappedRoots : public testing::TestWithParam<Backend> {
protected:
    void SetUp() override {
        ASSERT_EQ(::geteuid(), 0u) << "user namespaces are made by root";
        auto made = UserNamespace::make(k_ids);
        ASSERT_TRUE(made) << made.error().text;
        ids_ = *made;
        ASSERT_TRUE(provisioner_.prepare(true));
    }
    void TearDown() override { EXPECT_TRUE(provisioner_.remove("one")); }
    std::string path(const std::string& name) const { return folder_.path() + "/" + name; }
    void write(const std::string& name, uid_t uid, gid_t gid) const {
        fs::create_directories(fs::path(path(name)).parent_path());
        std::ofstream(path(name)) << "text";
        ASSERT_EQ(::chown(path(name).c_str(), uid, gid), 0);
    }
    static std::string owner(const std::string& file) {
        struct stat stat{};
        return ::stat(file.c_str(), &stat) == 0 ? fmt::format("{}:{}", stat.st_uid, stat.st_gid)
                                                : "it is not there";
    }

    TemporaryDirectory folder_;
    Provisioner provisioner_{folder_.path() + "/p", GetParam()};
    std::shared_ptr<const UserNamespace> ids_;
};

TEST_P(MappedRoots, FilesBelongToTheIdsOutsideAndLayersStayAsTheyAre) {
    write("l1/etc/root", 0, 0);
    write("l2/etc/app", 1000, 1001);
    const auto root = provisioner_.provision("one", {path("l1"), path("l2")}, ids_.get());
    ASSERT_TRUE(root) << root.error().text;
    EXPECT_EQ(owner(*root), "700000:800000");
    EXPECT_EQ(owner(*root + "/etc/root"), "700000:800000");
    EXPECT_EQ(owner(*root + "/etc/app"), "701000:801001");
    EXPECT_EQ(owner(path("l1/etc/root")), "0:0");
    EXPECT_EQ(owner(path("l2/etc/app")), "1000:1001");
}

TEST_P(MappedRoots, WhatIsChangedIsTheContainersAlone) {
    write("l1/etc/app", 1000, 1000);
    const auto root = provisioner_.provision("one", {path("l1")}, ids_.get());
    ASSERT_TRUE(root) << root.error().text;
    ASSERT_EQ(::chown((*root + "/etc/app").c_str(), 700'005, 800'006), 0);
    EXPECT_EQ(owner(*root + "/etc/app"), "700005:800006");
    EXPECT_EQ(owner(path("l1/etc/app")), "1000:1000");
}

TEST_P(MappedRoots, ASourceInTheWorkDirectoryIsShownByItsIds) {
    write("work/sandbox/file", 0, 5);
    write("elsewhere/file", 0, 5);
    write("l1/etc/root", 0, 0);
    ASSERT_TRUE(provisioner_.provision("one", {path("l1")}, ids_.get()));
    std::vector<MountPlan> mounts(2);
    mounts[0].source = path("work/sandbox");
    mounts[1].source = path("elsewhere");
    const auto held = provisioner_.hold_sources("one", path("work"), mounts, ids_.get());
    ASSERT_TRUE(held) << held.error().text;
    EXPECT_EQ(owner(mounts[0].source + "/file"), "700000:800005");
    EXPECT_EQ(owner(mounts[1].source + "/file"), "0:5") << "a path of the host is the host's";
    EXPECT_EQ(owner(path("work/sandbox/file")), "0:5");
}

INSTANTIATE_TEST_SUITE_P(Backends, MappedRoots, testing::Values(Backend::overlay, Backend::copy));

TEST(UserNamespaces, ADirectoryThatLetsNobodyPassIsNamed) {
    const TemporaryDirectory folder;
    const std::string inner = folder.path() + "/shut/inner";
    fs::create_directories(inner);
    ASSERT_EQ(::chmod(folder.path().c_str(), 0755), 0);
    EXPECT_TRUE(check_passable(inner)) << check_passable(inner).error().text;
    ASSERT_EQ(::chmod((folder.path() + "/shut").c_str(), 0700), 0);
    const auto shut = check_passable(inner);
    ASSERT_FALSE(shut);
    EXPECT_THAT(shut.error().text, HasSubstr("'" + folder.path() + "/shut' lets nobody else pass"));
}

TEST(UserNamespaces, OverlayAndIdsAreTriedTogether) {
    const TemporaryDirectory folder;
    auto ids = UserNamespace::make(k_ids);
    ASSERT_TRUE(ids) << ids.error().text;
    const auto chosen = choose_backend("", folder.path() + "/scratch", ids->get());
    ASSERT_TRUE(chosen) << chosen.error().text;
    EXPECT_FALSE(fs::exists(folder.path() + "/scratch"));
    EXPECT_TRUE(check_id_mapping(folder.path(), **ids));
    const auto never = check_id_mapping("/proc", **ids);
    ASSERT_FALSE(never);
    EXPECT_THAT(never.error().text, HasSubstr("can't be shown by other ids"));
}

}  // namespace
}  // namespace tepui::containerizer::oci
