#include "containerizer/images/unpacking.h"

#include <gmock/gmock.h>
#include <gtest/gtest.h>
#include <sys/stat.h>
#include <sys/sysmacros.h>
#include <sys/xattr.h>

#include <fstream>
#include <sstream>

#include "containerizer/images/digest.h"
#include "containerizer/images/images_testing.h"

namespace tepui::containerizer::images {
namespace {

using testing::HasSubstr;

std::string unpack_program() {
    const std::string shim = TEPUI_SHIM_PATH;
    return shim.substr(0, shim.rfind('/') + 1) + "tepui-unpack";
}

class UnpackingTest : public testing::Test {
protected:
    void SetUp() override { ASSERT_EQ(::geteuid(), 0U) << "these tests need root"; }

    Result<Unpacked> unpack(const std::string& bytes, std::uint64_t bytes_max = 1 << 20,
                            std::uint64_t files_max = 100) {
        ++count_;
        ::mkdir(root().c_str(), 0755);
        Result<Unpacking> unpacking =
            Unpacking::start(unpack_program(), root(), {bytes_max, files_max, 10s});
        if (!unpacking) return std::unexpected(unpacking.error());
        TEPUI_CHECK_OK(unpacking->write(bytes));
        return unpacking->finish();
    }
    std::string root() const { return folder_.path() + "/r" + std::to_string(count_); }
    struct stat status(const std::string& name) const {
        struct stat found{};
        ::lstat((root() + "/" + name).c_str(), &found);
        return found;
    }
    std::string text(const std::string& name) const {
        std::ifstream file(root() + "/" + name);
        std::ostringstream out;
        out << file.rdbuf();
        return out.str();
    }

    TemporaryDirectory folder_;
    int count_ = 0;
};

TEST_F(UnpackingTest, KeepsContentOwnersModesLinksAndTimes) {
    TestTar tar;
    tar.directory("d", 0750).file("d/s", "data", 04755, 12, 34).symlink("l", "/etc/passwd");
    tar.hardlink("h", "d/s").directory("d/empty");
    for (const std::string& bytes : {tar.bytes(), tar.gzip()}) {
        const auto done = unpack(bytes);
        ASSERT_TRUE(done) << done.error().text;
        EXPECT_EQ(done->diff_id, digest_of(tar.bytes()));
        EXPECT_EQ(done->bytes, 4U);
        EXPECT_EQ(text("d/s"), "data");
        EXPECT_EQ(status("d/s").st_mode, S_IFREG | 04755U);
        EXPECT_EQ(status("d/s").st_uid, 12U);
        EXPECT_EQ(status("d/s").st_gid, 34U);
        EXPECT_EQ(status("d/s").st_ino, status("h").st_ino);
        EXPECT_EQ(status("d").st_mode, S_IFDIR | 0750U);
        EXPECT_EQ(status("d").st_mtime, 1'000'000);
        EXPECT_TRUE(S_ISLNK(status("l").st_mode));
    }
}

TEST_F(UnpackingTest, WhiteoutsBecomeWhatOverlayKnows) {
    TestTar tar;
    tar.file("a/.wh.gone").file("b/kept", "1").file("b/.wh..wh..opq").file(".wh.top");
    tar.file("a/.wh..wh.aufs").file(".wh.back").file("back/x", "2").directory("own");
    tar.file(".wh.own");
    const auto done = unpack(tar.gzip());
    ASSERT_TRUE(done) << done.error().text;
    for (const char* name : {"a/gone", "top"}) {
        EXPECT_TRUE(S_ISCHR(status(name).st_mode)) << name;
        EXPECT_EQ(status(name).st_rdev, makedev(0, 0)) << name;
    }
    // One that stays hides nothing; those that took a hidden one's place hide what is beneath.
    for (const auto& [name, opaque] :
         {std::pair{"a", false}, {"b", true}, {"back", true}, {"own", true}}) {
        char value[8] = "";
        const ssize_t size = ::getxattr((root() + "/" + name).c_str(), "trusted.overlay.opaque",
                                        value, sizeof value);
        EXPECT_EQ(size == 1 && value[0] == 'y', opaque) << name;
    }
    EXPECT_EQ(text("b/kept"), "1");
    EXPECT_EQ(text("back/x"), "2");
    EXPECT_EQ(status("a/.wh..wh.aufs").st_mode, 0U);
}

TEST_F(UnpackingTest, NothingLeavesTheLayer) {
    const std::string outside = folder_.path() + "/outside";
    ::mkdir(outside.c_str(), 0777);
    struct Row {
        const char* name;
        TestTar tar;
        std::optional<Errc> want;
        std::string inside;  // Where it is then.
    };
    const Row rows[] = {
        {"dots", TestTar().file("../outside/x", "1"), Errc::denied, ""},
        {"dots inside", TestTar().file("a/../../outside/x", "1"), Errc::denied, ""},
        {"absolute", TestTar().file(outside + "/x", "1"), Errc::denied, ""},
        {"through a link", TestTar().symlink("l", "../outside").file("l/x", "1"), {}, "outside/x"},
        {"through an absolute link",
         TestTar().symlink("l", outside).file("l/x", "1"),
         {},
         outside.substr(1) + "/x"},
        {"over a link", TestTar().symlink("x", outside + "/x").file("x", "1"), {}, "x"},
        {"hard link out", TestTar().hardlink("h", "../outside/secret"), Errc::denied, ""},
        {"hard link to the host", TestTar().hardlink("h", "/etc/passwd"), Errc::denied, ""},
        {"hard link through a link", TestTar().symlink("l", "/etc").hardlink("h", "l/passwd"),
         Errc::denied, ""},
        {"link circle", TestTar().symlink("l", "l").file("l/x", "1"), Errc::io, ""},
        {"whiteout of dots", TestTar().file(".wh..."), Errc::corrupt, ""},
        {"whiteout through a link",
         TestTar().symlink("l", "../outside").file("l/.wh.secret"),
         {},
         "outside/secret"},
    };
    std::ofstream(outside + "/secret") << "s";
    for (const Row& row : rows) {
        SCOPED_TRACE(row.name);
        const auto done = unpack(row.tar.gzip());
        EXPECT_EQ(done ? std::nullopt : std::optional(done.error().code), row.want)
            << (done ? "" : done.error().text);
        struct stat found{};
        EXPECT_NE(::lstat((outside + "/x").c_str(), &found), 0);
        EXPECT_EQ(::lstat((outside + "/secret").c_str(), &found), 0);
        EXPECT_TRUE(S_ISREG(found.st_mode));
        EXPECT_EQ(found.st_nlink, 1U);
        if (!row.inside.empty()) EXPECT_EQ(::lstat((root() + "/" + row.inside).c_str(), &found), 0);
    }
}

TEST_F(UnpackingTest, DevicesAndPowersOverTheKernelAreLeftOut) {
    TestTar tar;
    tar.device("sda", 8, 0).device("zero", 0, 0);
    tar.attribute("f", "trusted.overlay.redirect", "/etc").attribute("g", "user.note", "n");
    const auto done = unpack(tar.gzip());
    ASSERT_TRUE(done) << done.error().text;
    EXPECT_EQ(done->skipped, 2U);
    EXPECT_EQ(status("sda").st_mode, 0U);
    EXPECT_EQ(status("zero").st_mode, 0U);
    char value[8];
    EXPECT_LT(::getxattr((root() + "/f").c_str(), "trusted.overlay.redirect", value, 8), 0);
    EXPECT_EQ(::getxattr((root() + "/g").c_str(), "user.note", value, 8), 1);
}

TEST_F(UnpackingTest, BombsAndRubbishAreRefused) {
    const std::string many(8 << 20, 'x');
    EXPECT_EQ(unpack(TestTar().file("big", many).gzip()).error().code, Errc::too_large);
    TestTar crowd;
    for (int i = 0; i < 200; ++i) crowd.file("f" + std::to_string(i));
    EXPECT_EQ(unpack(crowd.gzip()).error().code, Errc::too_large);
    const std::string whole = TestTar().file("a", std::string(100'000, 'y')).gzip();
    EXPECT_EQ(unpack(whole.substr(0, whole.size() / 2)).error().code, Errc::corrupt);
    EXPECT_EQ(unpack("no archive at all").error().code, Errc::corrupt);
    EXPECT_EQ(unpack("").error().code, Errc::corrupt);
    EXPECT_TRUE(unpack(TestTar().gzip()));  // A layer may be empty.
    const auto missing = Unpacking::start("/nowhere", folder_.path(), {1, 1, 1s});
    EXPECT_THAT(missing.error().text, HasSubstr("/nowhere"));
}

TEST_F(UnpackingTest, CancelledItEndsAtOnce) {
    ::mkdir(root().c_str(), 0755);
    auto unpacking =
        Unpacking::start(unpack_program(), root(), {1 << 20, 100, 10s, [] { return true; }});
    ASSERT_TRUE(unpacking) << unpacking.error().text;
    ASSERT_TRUE(unpacking->write(TestTar().file("a", "x").gzip()));
    EXPECT_EQ(unpacking->finish().error().code, Errc::cancelled);
}

TEST_F(UnpackingTest, ALayerMayBecomeAHundredTimesItsSize) {
    const std::uint64_t free = std::uint64_t{512} << 20;
    const std::uint64_t most = std::uint64_t{64} << 30;
    EXPECT_EQ(unpacked_max(0, most), free);
    EXPECT_EQ(unpacked_max(1 << 20, most), free);
    EXPECT_EQ(unpacked_max(std::uint64_t{100} << 20, most), std::uint64_t{10'000} << 20);
    EXPECT_EQ(unpacked_max(most / 99, most), most);
    EXPECT_EQ(unpacked_max(~std::uint64_t{0}, most), most);
    EXPECT_EQ(unpacked_max(1, 1 << 20), std::uint64_t{1} << 20);
}

}  // namespace
}  // namespace tepui::containerizer::images
