#include "daemon/files.h"

#include <gmock/gmock.h>
#include <gtest/gtest.h>
#include <sys/stat.h>

#include <filesystem>
#include <fstream>
#include <thread>

#include "base/temporary_directory_testing.h"

namespace tepui::daemon {
namespace {

namespace fs = std::filesystem;

struct Box : ::testing::Test {
    Box() {
        fs::create_directories(root() + "/sub");
        write(root() + "/stdout", "hello\nworld\n");
        write(root() + "/sub/deep", "deep");
        write(directory.path() + "/secret", "secret");
        fs::create_directories(directory.path() + "/box2");
        write(directory.path() + "/box2/other", "other");
        files.attach("/box", root());
        files.attach("/log", root() + "/stdout");
    }
    std::string root() const { return directory.path() + "/box"; }
    static void write(const std::string& path, const std::string& text) {
        std::ofstream(path) << text;
    }
    Errc code(const std::string& path) const {
        const auto page = files.read(path, 0, std::nullopt);
        return page ? Errc::internal : page.error().code;
    }

    TemporaryDirectory directory;
    Files files;
};

TEST_F(Box, ListsADirectorySorted) {
    const auto entries = files.list("/box/");
    ASSERT_TRUE(entries) << entries.error().text;
    ASSERT_EQ(entries->size(), 2U);
    EXPECT_EQ((*entries)[0].path, "/box/stdout");
    EXPECT_EQ((*entries)[0].status.st_size, 12);
    EXPECT_EQ((*entries)[1].path, "/box/sub");
    EXPECT_EQ(mode_text((*entries)[1].status.st_mode)[0], 'd');
}

TEST_F(Box, ReadsPages) {
    const auto page = files.read("/box/stdout", 6, 3);
    ASSERT_TRUE(page);
    EXPECT_EQ(page->data, "wor");
    EXPECT_EQ(page->offset, 6U);
    EXPECT_EQ(page->size, 12U);
    ASSERT_TRUE(files.read("/box//sub/deep", 0, std::nullopt));
    EXPECT_EQ(files.read("/box//sub/deep", 0, std::nullopt)->data, "deep");
    EXPECT_EQ(files.read("/log", 0, std::nullopt)->data, "hello\nworld\n");
    EXPECT_EQ(files.read("/log", std::nullopt, std::nullopt)->offset, 12U);
    EXPECT_EQ(files.read("/log", 100, std::nullopt)->data, "");
    write(root() + "/large", std::string(200'000, 'x'));
    EXPECT_EQ(files.read("/box/large", 0, 150'000)->data.size(), Files::page_bytes_max);
    EXPECT_EQ(files.download("/box/large")->size(), 200'000U);
}

TEST_F(Box, LinksInsideAreFollowedLinksOutAreNot) {
    fs::create_symlink("stdout", root() + "/inside");
    fs::create_symlink("../secret", root() + "/relative");
    fs::create_symlink(directory.path() + "/secret", root() + "/absolute");
    fs::create_directory_symlink("..", root() + "/up");
    fs::create_symlink("/proc/self/root/etc/passwd", root() + "/magic");
    ASSERT_TRUE(files.read("/box/inside", 0, std::nullopt));
    EXPECT_EQ(files.read("/box/inside", 0, std::nullopt)->data, "hello\nworld\n");
    EXPECT_EQ(code("/box/relative"), Errc::denied);
    EXPECT_EQ(code("/box/absolute"), Errc::denied);
    EXPECT_EQ(code("/box/up/secret"), Errc::denied);
    EXPECT_EQ(code("/box/magic"), Errc::denied);
    EXPECT_EQ(code("/box/../secret"), Errc::denied);
    EXPECT_EQ(files.list("/box/up").error().code, Errc::denied);
}

TEST_F(Box, TheAttachedDirectoryItselfMustNotBeALink) {
    fs::rename(root(), directory.path() + "/away");
    fs::create_directory_symlink(directory.path() + "/box2", root());
    EXPECT_NE(code("/box/other"), Errc::internal);
}

TEST_F(Box, ASiblingWithTheSamePrefixIsNotReached) {
    EXPECT_EQ(code("/box2/other"), Errc::not_found);
    EXPECT_EQ(code("/bo"), Errc::not_found);
    EXPECT_EQ(code("/"), Errc::not_found);
    EXPECT_EQ(code(""), Errc::invalid_argument);
    EXPECT_EQ(code(std::string("/box/a\0b", 8)), Errc::invalid_argument);
    EXPECT_EQ(code(directory.path() + "/secret"), Errc::not_found);
}

TEST_F(Box, OnlyRegularFilesAreReadAndNothingBlocks) {
    ASSERT_EQ(mkfifo((root() + "/fifo").c_str(), 0600), 0);
    EXPECT_EQ(code("/box/fifo"), Errc::invalid_argument);
    EXPECT_EQ(code("/box/sub"), Errc::invalid_argument);
    EXPECT_EQ(code("/box/nothing"), Errc::not_found);
    EXPECT_EQ(code("/box/" + std::string(5000, 'x')), Errc::invalid_argument);
}

TEST_F(Box, ALinkThatIsExchangedMeanwhileNeverLeaksTheSecret) {
    std::atomic<bool> stop = false;
    std::thread swapper([&] {
        while (!stop) {
            fs::create_symlink("stdout", root() + "/new");
            fs::rename(root() + "/new", root() + "/link");
            fs::create_symlink("../secret", root() + "/new");
            fs::rename(root() + "/new", root() + "/link");
        }
    });
    int good = 0;
    for (int i = 0; i < 20'000 || good == 0; ++i) {
        const auto page = files.read("/box/link", 0, std::nullopt);
        if (page && page->data == "hello\nworld\n") ++good;
        if (page) EXPECT_NE(page->data, "secret");
    }
    stop = true;
    swapper.join();
    EXPECT_GT(good, 0);
}

TEST_F(Box, DetachedIsGone) {
    files.attach("/again", root());
    files.attach("/beside", root() + "2");
    files.detach_real(root());
    EXPECT_EQ(code("/box/stdout"), Errc::not_found);
    EXPECT_EQ(code("/again/stdout"), Errc::not_found);
    EXPECT_EQ(code("/log"), Errc::not_found) << "it lies in what was detached";
    EXPECT_EQ(code("/beside/other"), Errc::internal);
    EXPECT_EQ(files.attached().size(), 1U);
}

TEST(Files, ModeText) {
    EXPECT_EQ(mode_text(S_IFREG | 0644), "-rw-r--r--");
    EXPECT_EQ(mode_text(S_IFDIR | 0750), "drwxr-x---");
    EXPECT_EQ(user_name(0), "root");
    EXPECT_EQ(user_name(4'000'000), "4000000");
}

}  // namespace
}  // namespace tepui::daemon
