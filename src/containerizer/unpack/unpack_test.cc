#include "containerizer/unpack/unpack.h"

#include <fcntl.h>
#include <gtest/gtest.h>
#include <sys/stat.h>

#include <algorithm>
#include <cstdlib>
#include <filesystem>
#include <fstream>

#include "containerizer/child_process.h"
#include "containerizer/descriptor.h"
#include "containerizer/unpack/arguments.h"

namespace tepui::containerizer::unpack {
namespace {

class UnpackTest : public ::testing::Test {
protected:
    void SetUp() override {
        ASSERT_EQ(::geteuid(), 0u) << "these tests make namespaces: run them as root";
        char name[] = "/tmp/tepui-unpack-XXXXXX";
        ASSERT_NE(::mkdtemp(name), nullptr);
        base_ = name;
        ::chmod(name, 0755);
        std::filesystem::create_directories(base_ + "/in");
        std::filesystem::create_directories(base_ + "/out");
        directory_ =
            Descriptor(::open((base_ + "/out").c_str(), O_RDONLY | O_DIRECTORY | O_CLOEXEC));
        job_.program = program_beside(TEPUI_SHIM_PATH);
        job_.directory_fd = directory_.get();
    }
    void TearDown() override { std::filesystem::remove_all(base_); }

    void shell(const std::string& command) const {
        ASSERT_EQ(std::system(("cd " + base_ + "/in && " + command).c_str()), 0) << command;
    }
    Result<Unpacked> unpack(const std::string& archive) {
        const Descriptor file(::open((base_ + "/in/" + archive).c_str(), O_RDONLY | O_CLOEXEC));
        job_.archive_fd = file.get();
        return run(job_, cancelled_);
    }

    std::string base_;
    Descriptor directory_;
    Job job_;
    std::atomic<bool> cancelled_ = false;
};

TEST_F(UnpackTest, CountsWhatItWrote) {
    shell("mkdir d && head -c 10000 /dev/zero >d/f && tar cf a.tar d");
    const Result<Unpacked> done = unpack("a.tar");
    ASSERT_TRUE(done) << done.error().text;
    EXPECT_EQ(done->entries, 2u);
    EXPECT_EQ(done->bytes, 10'000u + 2 * 512);
    EXPECT_EQ(std::filesystem::file_size(base_ + "/out/d/f"), 10'000u);
}

TEST_F(UnpackTest, ABombOfTenGigabytesStopsSoon) {
    // A tar of one file of 10 GB of zeros: members of gzip may follow each other.
    shell(
        "truncate -s 10G big && tar cf - big | head -c 1536 | gzip -c >head.gz; "
        "head -c 67108864 /dev/zero | gzip -c >zeros.gz; "
        "cp head.gz bomb.tgz; for i in $(seq 160); do cat zeros.gz >>bomb.tgz; done; rm big");
    job_.limits.ratio_free_bytes = 32 << 20;
    job_.limits.ratio_max = 3;
    const Result<Unpacked> done = unpack("bomb.tgz");
    ASSERT_FALSE(done);
    EXPECT_EQ(done.error().code, Errc::too_large) << done.error().text;
    EXPECT_NE(done.error().text.find("more than 3 times"), std::string::npos) << done.error().text;
    EXPECT_LE(std::filesystem::file_size(base_ + "/out/big"), std::uint64_t{64} << 20);
}

TEST_F(UnpackTest, EntriesAreCounted) {
    shell("touch $(seq 20) && tar cf a.tar $(seq 20)");
    job_.limits.entries_max = 10;
    const Result<Unpacked> done = unpack("a.tar");
    ASSERT_FALSE(done);
    EXPECT_EQ(done.error().code, Errc::too_large);
}

TEST_F(UnpackTest, BelongsToTheUser) {
    const Result<User> nobody = find_user("nobody");
    ASSERT_TRUE(nobody);
    shell("echo x >f && tar --owner=0 --group=0 -cf a.tar f");
    job_.user = &*nobody;
    // It has the user's rights alone: this directory is root's.
    const Result<Unpacked> denied = unpack("a.tar");
    ASSERT_FALSE(denied);
    EXPECT_NE(denied.error().text.find("Permission denied"), std::string::npos);
    ASSERT_EQ(::fchown(directory_.get(), nobody->uid, nobody->gid), 0);
    const Result<Unpacked> done = unpack("a.tar");
    ASSERT_TRUE(done) << done.error().text;
    struct stat stat{};
    ASSERT_EQ(::stat((base_ + "/out/f").c_str(), &stat), 0);
    EXPECT_EQ(stat.st_uid, nobody->uid);
    EXPECT_EQ(stat.st_gid, nobody->gid);
}

TEST_F(UnpackTest, NamesAndTimesArePreserved) {
    shell("touch -d @1000000000 'ünïcode ✓' && tar --format=pax -cf a.tar 'ünïcode ✓'");
    ASSERT_TRUE(unpack("a.tar"));
    struct stat stat{};
    ASSERT_EQ(::stat((base_ + "/out/ünïcode ✓").c_str(), &stat), 0);
    EXPECT_EQ(stat.st_mtime, 1'000'000'000);
}

TEST_F(UnpackTest, SparseFilesCountWithTheirHoles) {
    shell("truncate -s 50M holes && tar -S -cf a.tar holes");
    job_.limits.bytes_max = 10 << 20;
    EXPECT_EQ(unpack("a.tar").error().code, Errc::too_large);
    job_.limits.bytes_max = 100 << 20;
    const Result<Unpacked> done = unpack("a.tar");
    ASSERT_TRUE(done) << done.error().text;
    EXPECT_EQ(std::filesystem::file_size(base_ + "/out/holes"), std::uint64_t{50} << 20);
}

TEST_F(UnpackTest, CancelledIsKilled) {
    shell("touch f && tar cf a.tar f");
    cancelled_ = true;
    const Result<Unpacked> done = unpack("a.tar");
    // It may have been quicker.
    if (!done) EXPECT_EQ(done.error().code, Errc::cancelled);
}

TEST_F(UnpackTest, AMissingProgramIsNamed) {
    shell("touch f && tar cf a.tar f");
    job_.program = "/no/such/tepui-unpack";
    const Result<Unpacked> done = unpack("a.tar");
    ASSERT_FALSE(done);
    EXPECT_NE(done.error().text.find("/no/such/tepui-unpack"), std::string::npos);
}

TEST(UnpackArgumentsTest, RoundTrip) {
    const Arguments before{Kind::gzip, {7, 8, {9, 10}}, {1, 2, 3, 4}, "a b"};
    const Result<Arguments> after = read_arguments(write_arguments(before));
    ASSERT_TRUE(after) << after.error().text;
    EXPECT_EQ(after->kind, Kind::gzip);
    EXPECT_EQ(after->as.uid, 7u);
    EXPECT_EQ(after->as.groups, (std::vector<gid_t>{9, 10}));
    EXPECT_EQ(after->limits.ratio_free_bytes, 4u);
    EXPECT_EQ(after->output, "a b");
    EXPECT_FALSE(read_arguments({"tepui-unpack"}));
    EXPECT_FALSE(read_arguments({"tepui-unpack", "9", "0", "0", "", "1", "1", "1", "1", ""}));
}

TEST(UnpackArgumentsTest, Answers) {
    EXPECT_EQ(read_answer(write_answer(Unpacked{.bytes = 5, .entries = 6}))->entries, 6u);
    const std::string layer = write_answer(Unpacked{5, 6, 7, "ab", {"d", "e/f"}});
    const Result<Unpacked> read = read_answer(layer);
    ASSERT_TRUE(read) << read.error().text;
    EXPECT_EQ(read->skipped, 7u);
    EXPECT_EQ(read->sha256, "ab");
    EXPECT_EQ(read->opaque, (std::vector<std::string>{"d", "e/f"}));
    // It was ended while it answered.
    for (std::size_t size = 0; size < layer.size(); ++size)
        EXPECT_EQ(read_answer(layer.substr(0, size)).error().code, Errc::corrupt) << size;
    const Result<Unpacked> error = read_answer(write_answer(fail(Errc::denied, "no 1 2")));
    EXPECT_EQ(error.error(), (Error{Errc::denied, "no 1 2"}));
    for (std::string text :
         {"", "ok|", "ok|1|", "error|", "error|99|x|", "ok|1|2|3|4||", "x|1|2|"}) {
        std::ranges::replace(text, '|', '\0');
        EXPECT_EQ(read_answer(text).error().code, Errc::corrupt) << text;
    }
}

TEST(ChildProcessTest, ReadsAndReaps) {
    const Result<ChildEnd> end =
        run_child({"/bin/sh", {"sh", "-c", "echo -n $WORD; exit 3"}, {"WORD=hello"}, {}}, 1, {});
    ASSERT_TRUE(end) << end.error().text;
    EXPECT_EQ(end->output, "hello");
    EXPECT_EQ(WEXITSTATUS(end->status), 3);
    EXPECT_EQ(run_child({"/no/such", {"x"}, {}, {}}, 1, {}).error().code, Errc::io);
}

TEST(ChildProcessTest, IsEndedWhenItTakesTooLong) {
    ChildLimits limits;
    limits.time_max = 100ms;
    const Result<ChildEnd> end =
        run_child({"/bin/sh", {"sh", "-c", "sleep 1000 & sleep 1000"}, {}, {}}, 1, limits);
    ASSERT_FALSE(end);
    EXPECT_EQ(end.error().code, Errc::timeout);
}

}  // namespace
}  // namespace tepui::containerizer::unpack
