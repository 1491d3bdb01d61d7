#include <gmock/gmock.h>
#include <gtest/gtest.h>
#include <sys/mount.h>
#include <sys/stat.h>
#include <unistd.h>

#include <filesystem>
#include <fstream>

#include "base/temporary_directory_testing.h"
#include "containerizer/isolators/volume_host_path/volume_host_path.h"
#include "containerizer/isolators/volume_sandbox_path/volume_sandbox_path.h"
#include "containerizer/volumes/mount_volume.h"
#include "containerizer/volumes/sandbox.h"
#include "containerizer/volumes/trusted_path.h"
#include "containerizer/volumes/volume.h"

namespace tepui::containerizer {
namespace {

namespace fs = std::filesystem;
using mesos::v1::Volume;
using ::testing::HasSubstr;
using Source = Volume::Source;

constexpr uid_t k_nobody = 65534;
const User k_user{"nobody", k_nobody, k_nobody, {k_nobody}};

Volume volume_at(const std::string& container_path) {
    Volume volume;
    volume.set_mode(Volume::RW);
    volume.set_container_path(container_path);
    return volume;
}

Volume host_volume(const std::string& host_path, const std::string& container_path) {
    Volume volume = volume_at(container_path);
    volume.set_host_path(host_path);
    return volume;
}

Volume sandbox_volume(const std::string& path, Source::SandboxPath::Type type) {
    Volume volume = volume_at("data");
    volume.mutable_source()->set_type(Source::SANDBOX_PATH);
    volume.mutable_source()->mutable_sandbox_path()->set_type(type);
    volume.mutable_source()->mutable_sandbox_path()->set_path(path);
    return volume;
}

class Volumes : public ::testing::Test {
protected:
    Volumes() {
        fs::create_directories(path("sandbox"));
        fs::permissions(directory.path(), fs::perms(0755));
        isolated.sandbox = path("sandbox");
        isolated.name = "c";
        plan.flags = SHIM_NEW_MOUNT_NS;
        spec.info.emplace();
    }
    std::string path(const std::string& name) const { return directory.path() + "/" + name; }
    Result<void> prepare(std::unique_ptr<Isolator> isolator, const Volume& volume) {
        *spec.info->add_volumes() = volume;
        if (!isolator->concerns(spec)) return fail(Errc::internal, "not concerned");
        return isolator->prepare(isolated, spec, plan);
    }
    Result<void> host_path(const Volume& volume) {
        return prepare(make_volume_host_path({options, groups, {}}), volume);
    }
    Result<void> sandbox_path(const Volume& volume) {
        return prepare(make_volume_sandbox_path({options, groups, {}}), volume);
    }

    TemporaryDirectory directory;
    Options options;
    cgroups::Groups groups{{}, "tepui-volumes-test", {}};
    Isolated isolated;
    LaunchSpec spec;
    LaunchPlan plan;
};

TEST_F(Volumes, KindsAndTheirIsolators) {
    EXPECT_EQ(kind_of(host_volume("/x", "y")).value(), VolumeKind::host_path);
    EXPECT_EQ(kind_of(host_volume("x", "y")).value(), VolumeKind::sandbox_path);
    EXPECT_FALSE(kind_of(volume_at("y"))) << "of nothing";
    EXPECT_FALSE(kind_of(host_volume("/x", "")));
    Volume both = host_volume("/x", "y");
    both.mutable_image();
    EXPECT_FALSE(kind_of(both));
    Volume hollow = volume_at("y");
    hollow.mutable_source()->set_type(Source::SECRET);
    EXPECT_FALSE(kind_of(hollow));
    hollow.mutable_source()->mutable_secret();
    EXPECT_EQ(kind_of(hollow).value(), VolumeKind::secret);
    hollow.mutable_source()->set_type(Source::CSI_VOLUME);
    EXPECT_EQ(kind_of(hollow).error().code, Errc::unsupported);

    mesos::v1::ContainerInfo container;
    *container.add_volumes() = host_volume("/x", "y");
    EXPECT_TRUE(check_volumes(container, {"filesystem/linux"}));
    EXPECT_TRUE(check_volumes(container, {"volume/host_path"}));
    const auto refused = check_volumes(container, {"posix/cpu"});
    ASSERT_FALSE(refused);
    EXPECT_THAT(refused.error().text, HasSubstr("needs the isolator volume/host_path"));
    EXPECT_TRUE(is_enabled({"posix/disk"}, "disk/du"));
    EXPECT_FALSE(is_enabled({"filesystem/linux"}, "docker/volume"));
}

TEST_F(Volumes, LookUpFollowsNoLinkOfAUser) {
    fs::create_directories(path("real/deep"));
    fs::create_symlink(path("real"), path("link"));
    EXPECT_EQ(look_up_trusted(path("link/deep"), nullptr)->path, path("real/deep"));
    EXPECT_EQ(look_up_trusted(path("real/../real"), nullptr).error().code, Errc::invalid_argument);
    EXPECT_EQ(look_up_trusted("real", nullptr).error().code, Errc::invalid_argument);
    ASSERT_EQ(::lchown(path("link").c_str(), k_nobody, k_nobody), 0) << "run the tests as root";
    EXPECT_EQ(look_up_trusted(path("link/deep"), nullptr).error().code, Errc::denied);
    fs::create_symlink(path("loop"), path("loop"));
    EXPECT_EQ(look_up_trusted(path("loop"), nullptr).error().code, Errc::denied);
    fs::create_symlink("../real/deep", path("real/up"));
    EXPECT_EQ(look_up_trusted(path("real/up"), nullptr)->path, path("real/deep"));
    const auto missing = look_up_trusted(path("real/a/b"), nullptr);
    EXPECT_EQ(missing->path, path("real"));
    EXPECT_EQ(missing->missing, "a/b");
}

TEST_F(Volumes, LookUpGoesWhereTheUserMay) {
    fs::create_directories(path("closed/open"));
    fs::permissions(path("closed"), fs::perms(0700));
    EXPECT_TRUE(look_up_trusted(path("closed/open"), nullptr));
    EXPECT_TRUE(look_up_trusted(path("closed"), &k_user)) << "itself, but not through it";
    EXPECT_EQ(look_up_trusted(path("closed/open"), &k_user).error().code, Errc::denied);
    fs::permissions(path("closed"), fs::perms(0710));
    ASSERT_EQ(::chown(path("closed").c_str(), 0, k_nobody), 0);
    EXPECT_TRUE(look_up_trusted(path("closed/open"), &k_user));
}

TEST_F(Volumes, AHostPathIsMountedBeneathTheSandboxOrOnWhatExists) {
    fs::create_directories(path("data"));
    fs::create_directories(path("there"));
    Volume relative = host_volume(path("data"), "a/b");
    relative.set_mode(Volume::RO);
    ASSERT_TRUE(host_path(relative));
    ASSERT_EQ(plan.mounts.size(), 1U);
    EXPECT_EQ(plan.mounts[0].source, path("data"));
    EXPECT_EQ(plan.mounts[0].target, path("sandbox/a/b"));
    EXPECT_EQ(plan.mounts[0].flags, static_cast<std::uint64_t>(MS_RDONLY));
    EXPECT_TRUE(fs::is_directory(path("sandbox/a/b")));
    EXPECT_FALSE(plan.no_new_privileges);

    spec.info->clear_volumes();
    plan.user = k_user;
    ASSERT_TRUE(host_path(host_volume(path("data"), path("there"))));
    EXPECT_EQ(plan.mounts[1].target, path("there"));
    EXPECT_TRUE(plan.no_new_privileges) << "a user's /etc is no set-uid program's";

    for (const Volume& bad : {host_volume(path("data"), path("nowhere")),
                              host_volume(path("none"), "x"), host_volume(path("data"), "../x"),
                              host_volume(path("data"), "/"), host_volume(path("data"), ".")}) {
        spec.info->clear_volumes();
        const auto refused = host_path(bad);
        ASSERT_FALSE(refused) << bad.DebugString();
        EXPECT_THAT(refused.error().text, HasSubstr("'" + bad.container_path() + "'"));
    }
    EXPECT_EQ(plan.mounts.size(), 2U);
}

TEST_F(Volumes, AFileIsMountedOnAFile) {
    std::ofstream(path("file")) << "x";
    ASSERT_TRUE(host_path(host_volume(path("file"), "conf/file")));
    EXPECT_TRUE(fs::is_regular_file(path("sandbox/conf/file")));
    spec.info->clear_volumes();
    fs::create_directories(path("there"));
    EXPECT_FALSE(host_path(host_volume(path("file"), path("there"))));
    fs::create_symlink(path("there"), path("sandbox/link"));
    spec.info->clear_volumes();
    EXPECT_FALSE(host_path(host_volume(path("file"), "link/file"))) << "out of the sandbox";
    EXPECT_TRUE(fs::is_empty(path("there")));
}

TEST_F(Volumes, MissingHostPathsAreMadeWhereTheFlagAllows) {
    options.volumes.host_path_force_creation = {path("pool")};
    ASSERT_TRUE(host_path(host_volume(path("pool/a/b"), "x")));
    EXPECT_TRUE(fs::is_directory(path("pool/a/b")));
    spec.info->clear_volumes();
    EXPECT_FALSE(host_path(host_volume(path("pool-b/a"), "y")));
    EXPECT_FALSE(fs::exists(path("pool-b")));
    options.volumes.host_path_force_creation = {"pool"};
    EXPECT_FALSE(make_volume_host_path({options, groups, {}})->prepare_machine());
}

TEST_F(Volumes, WithoutANamespaceAVolumeIsALink) {
    plan.flags = 0;
    fs::create_directories(path("data"));
    ASSERT_TRUE(host_path(host_volume(path("data"), "a/data")));
    EXPECT_EQ(fs::read_symlink(path("sandbox/a/data")), path("data"));
    EXPECT_TRUE(plan.mounts.empty());
    Volume read_only = host_volume(path("data"), "b");
    read_only.set_mode(Volume::RO);
    spec.info->clear_volumes();
    EXPECT_THAT(host_path(read_only).error().text, HasSubstr("filesystem/linux"));
    spec.info->clear_volumes();
    EXPECT_FALSE(host_path(host_volume(path("data"), "/tmp")));
}

TEST_F(Volumes, InARootOfItsOwnThePathNeedNotExist) {
    fs::create_directories(path("data"));
    plan.root.emplace();
    plan.environment = {"MESOS_SANDBOX=/mnt/box"};
    ASSERT_TRUE(host_path(host_volume(path("data"), "/not//there/")));
    EXPECT_EQ(plan.mounts[0].target, "/not/there");
    spec.info->clear_volumes();
    ASSERT_TRUE(host_path(host_volume(path("data"), "in")));
    EXPECT_EQ(plan.mounts[1].target, "/mnt/box/in");
}

TEST_F(Volumes, TasksOfAPodShareADirectoryOfItsSandbox) {
    fs::create_directories(path("pod/containers/one"));
    isolated.sandbox = path("pod/containers/one");
    spec.parent = ContainerId{"pod"};
    plan.user = k_user;
    ASSERT_TRUE(sandbox_path(sandbox_volume("shared/x", Source::SandboxPath::PARENT)));
    EXPECT_EQ(plan.mounts[0].source, path("pod/shared/x"));
    EXPECT_EQ(plan.mounts[0].target, path("pod/containers/one/data"));
    struct stat stat{};
    ASSERT_EQ(::stat(path("pod/shared/x").c_str(), &stat), 0);
    EXPECT_EQ(stat.st_mode & 07777, 01777U);
    EXPECT_EQ(stat.st_uid, 0U);

    spec.info->clear_volumes();
    fs::create_directory_symlink("/etc", path("pod/etc"));
    EXPECT_FALSE(sandbox_path(sandbox_volume("etc", Source::SandboxPath::PARENT)));
    spec.info->clear_volumes();
    EXPECT_FALSE(sandbox_path(sandbox_volume("../x", Source::SandboxPath::PARENT)));
    spec.parent.reset();
    spec.info->clear_volumes();
    EXPECT_THAT(sandbox_path(sandbox_volume("x", Source::SandboxPath::PARENT)).error().text,
                HasSubstr("pod"));
}

TEST_F(Volumes, ADirectoryOfItsOwnSandboxIsMountedElsewhere) {
    fs::create_directories(path("there"));
    plan.user = k_user;
    Volume volume = sandbox_volume("own", Source::SandboxPath::SELF);
    volume.set_container_path(path("there"));
    ASSERT_TRUE(sandbox_path(volume));
    EXPECT_EQ(plan.mounts[0].source, path("sandbox/own"));
    EXPECT_EQ(plan.mounts[0].target, path("there"));
    EXPECT_NE(plan.mounts[0].flags & MS_NOSUID, 0U);
    // Where a pod's sandbox was moved away and a link put in its place, nothing is mounted.
    fs::create_directories(path("elsewhere/one"));
    fs::create_directories(path("pod"));
    fs::create_directory_symlink(path("elsewhere"), path("pod/containers"));
    EXPECT_FALSE(open_sandbox(path("pod/containers/one"), true));
}

}  // namespace
}  // namespace tepui::containerizer
