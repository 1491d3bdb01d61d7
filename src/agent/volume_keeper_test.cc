#include "agent/volume_keeper.h"

#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include <filesystem>
#include <fstream>
#include <future>

#include "base/temporary_directory_testing.h"

namespace tepui::agent {
namespace {

namespace fs = std::filesystem;
namespace v1 = mesos::v1;
using ::testing::HasSubstr;

v1::Resource volume(const std::string& id = "data") {
    v1::Resource made;
    made.set_name("disk");
    made.set_type(v1::Value::SCALAR);
    made.mutable_scalar()->set_value(2);
    made.add_reservations()->set_role("team/db");
    made.mutable_disk()->mutable_persistence()->set_id(id);
    made.mutable_disk()->mutable_volume()->set_mode(v1::Volume::RO);
    made.mutable_disk()->mutable_volume()->set_container_path("d");
    return made;
}

class Keeper : public ::testing::Test {
protected:
    ~Keeper() override {
        keeper.stop();
        aside.stop();
    }
    std::string path(const std::string& name) const { return directory.path() + "/" + name; }
    std::optional<Error> make(const v1::Resource& what, bool fresh = true) {
        std::promise<std::optional<Error>> done;
        keeper.make({"", what, fresh}, [&](auto error) { done.set_value(error); });
        return done.get_future().get();
    }
    std::optional<Error> remove(const v1::Resource& what, char operation = 'a') {
        std::promise<std::optional<Error>> done;
        keeper.remove({std::string(16, operation), what},
                      [&](auto error) { done.set_value(error); });
        return done.get_future().get();
    }
    void settle() {
        std::promise<void> done;
        keeper.after([&] { aside.post([&] { done.set_value(); }); });
        done.get_future().get();
    }

    TemporaryDirectory directory;
    env::WorkerPool aside{1};
    VolumeKeeper keeper{directory.path(), aside, [](const std::string& text) { FAIL() << text; }};
    const std::string there = path("volumes/roles/team db/data");
};

TEST_F(Keeper, AVolumeComesAndGoesWithAllThatIsInIt) {
    ASSERT_FALSE(make(volume()));
    ASSERT_TRUE(fs::is_directory(there));
    fs::create_directories(there + "/a/b");
    std::ofstream(path("outside")) << "x";
    fs::create_symlink(path("outside"), there + "/link");
    EXPECT_FALSE(make(volume(), /*fresh=*/false));
    EXPECT_TRUE(fs::exists(there + "/a/b")) << "what there was stays after a restart";
    const auto refused = make(volume());
    ASSERT_TRUE(refused);
    EXPECT_THAT(refused->text, HasSubstr(there));
    EXPECT_FALSE(remove(volume()));
    EXPECT_FALSE(fs::exists(there));
    settle();
    EXPECT_TRUE(fs::is_empty(path("volumes/trash")));
    EXPECT_TRUE(fs::exists(path("outside")));
    EXPECT_FALSE(make(volume()));
}

TEST_F(Keeper, WhatWasRemovedOnceIsNotRemovedAgain) {
    ASSERT_FALSE(make(volume()));
    ASSERT_FALSE(remove(volume()));
    ASSERT_FALSE(make(volume()));
    std::ofstream(there + "/new") << "x";
    keeper.tidy({std::string(16, 'a')});
    EXPECT_FALSE(remove(volume())) << "of the same operation: an agent that came back";
    EXPECT_TRUE(fs::exists(there + "/new"));
    keeper.tidy({});
    settle();
    EXPECT_TRUE(fs::is_empty(path("volumes/removed")));
    EXPECT_FALSE(remove(volume(), 'b'));
    EXPECT_FALSE(fs::exists(there));
}

TEST_F(Keeper, AMountedDiskKeepsItsRoot) {
    v1::Resource disk = volume();
    auto& source = *disk.mutable_disk()->mutable_source();
    source.set_type(v1::Resource::DiskInfo::Source::MOUNT);
    source.mutable_mount()->set_root(path("mnt"));
    EXPECT_TRUE(make(disk)) << "it is not there";
    fs::create_directories(path("mnt/a"));
    EXPECT_FALSE(make(disk)) << "what lies there is the operator's wish";
    EXPECT_FALSE(remove(disk));
    EXPECT_TRUE(fs::is_empty(path("mnt")));
}

TEST_F(Keeper, APathDiskHasItsOwnPlace) {
    v1::Resource disk = volume();
    auto& source = *disk.mutable_disk()->mutable_source();
    source.set_type(v1::Resource::DiskInfo::Source::PATH);
    source.mutable_path()->set_root(path("disk"));
    EXPECT_TRUE(make(disk)) << "it is not there";
    fs::create_directories(path("disk"));
    EXPECT_FALSE(make(disk));
    EXPECT_TRUE(fs::is_directory(path("disk/volumes/roles/team db/data")));
    EXPECT_FALSE(remove(disk));
    EXPECT_FALSE(fs::exists(path("disk/volumes/roles/team db/data")));
}

TEST_F(Keeper, ALinkInTheWayIsNotFollowed) {
    fs::create_directories(path("elsewhere/data"));
    std::ofstream(path("elsewhere/data/file")) << "x";
    fs::create_directories(path("volumes/roles"));
    fs::create_symlink(path("elsewhere"), path("volumes/roles/team db"));
    EXPECT_TRUE(make(volume(), false));
    EXPECT_TRUE(remove(volume()));
    EXPECT_TRUE(fs::exists(path("elsewhere/data/file")));
}

TEST(ToVolumes, SaysEachOnce) {
    ResourceList list;
    *list.Add() = volume();
    *list.Add() = volume();
    list.Add()->set_name("cpus");
    const auto volumes = to_volumes(list, "/w");
    ASSERT_EQ(volumes.size(), 1U);
    EXPECT_EQ(volumes[0].source, "/w/volumes/roles/team db/data");
    EXPECT_EQ(volumes[0].container_path, "d");
    EXPECT_TRUE(volumes[0].read_only);
    EXPECT_EQ(volumes[0].bytes, 2U << 20);
    EXPECT_EQ(containerizer::decode_volumes(containerizer::encode_volumes(volumes)).value(),
              volumes);
    EXPECT_FALSE(containerizer::decode_volumes("5:ab"));
}

}  // namespace
}  // namespace tepui::agent
