// The logs in a sandbox are the container's output, once, whatever dies in between.

#include "containerizer/docker/log_files.h"

#include <fcntl.h>
#include <gtest/gtest.h>

#include <filesystem>
#include <fstream>
#include <sstream>

#include "base/temporary_directory_testing.h"

namespace tepui::containerizer::docker {
namespace {

std::string frame(char stream, int nanos, const std::string& text) {
    const std::string line = fmt::format("2026-11-23T02:28:59.{:09}Z {}", nanos, text);
    return std::string{stream, 0, 0, 0, 0, 0, 0, static_cast<char>(line.size())} + line;
}

class LogFilesTest : public ::testing::Test {
protected:
    std::unique_ptr<LogFiles> open(LogLimits limits = {}) {
        Descriptor sandbox(::open(folder_.path().c_str(), O_RDONLY | O_DIRECTORY | O_CLOEXEC));
        auto files = LogFiles::open(std::move(sandbox), record_.path() + "/log", limits, {});
        if (!files) throw std::runtime_error(files.error().text);
        return std::move(*files);
    }
    std::string read(const std::string& name) const {
        std::ifstream in(folder_.path() + "/" + name);
        std::ostringstream out;
        out << in.rdbuf();
        return out.str();
    }
    const TemporaryDirectory folder_;
    const TemporaryDirectory record_;
};

TEST_F(LogFilesTest, ALaterAgentGoesOnWhereTheFormerWas) {
    const std::string first = frame(1, 1, "a\n") + frame(2, 2, "e\n") + frame(1, 3, "b\n");
    const std::string more = frame(1, 3, "c\n") + frame(2, 4, "f\n");
    {
        const auto files = open();
        EXPECT_EQ(files->begin(), "0");
        ASSERT_TRUE(files->take(first));
    }
    const auto files = open();
    EXPECT_EQ(files->begin(), "1795400939.000000002");
    // What the Engine gives from there on.
    ASSERT_TRUE(files->take(frame(2, 2, "e\n") + frame(1, 3, "b\n") + more));
    EXPECT_EQ(read("stdout"), "a\nb\nc\n");
    EXPECT_EQ(read("stderr"), "e\nf\n");
}

TEST_F(LogFilesTest, WhatWasWrittenAfterTheRecordIsNotWrittenAgain) {
    {
        const auto files = open();
        files->begin();
        ASSERT_TRUE(files->take(frame(1, 1, "first\n")));
    }
    // Killed after it wrote a line and a half, and before it wrote how far it is.
    std::ofstream(folder_.path() + "/stdout", std::ios::app) << "second\nthi";
    const auto files = open();
    files->begin();
    ASSERT_TRUE(files->take(frame(1, 1, "first\n") + frame(1, 2, "second\n") +
                            frame(1, 3, "third\n") + frame(1, 4, "fourth\n")));
    EXPECT_EQ(read("stdout"), "first\nsecond\nthird\nfourth\n");
}

TEST_F(LogFilesTest, OrAfterARotation) {
    const LogLimits limits{LogLimit{10, 3}, LogLimit{10, 3}};
    {
        const auto files = open(limits);
        files->begin();
        ASSERT_TRUE(files->take(frame(1, 1, "first\n")));
    }
    std::ofstream(folder_.path() + "/stdout", std::ios::app) << "2nd\n";
    std::filesystem::rename(folder_.path() + "/stdout", folder_.path() + "/stdout.1");
    std::ofstream(folder_.path() + "/stdout") << "thi";
    const auto files = open(limits);
    files->begin();
    ASSERT_TRUE(files->take(frame(1, 1, "first\n") + frame(1, 2, "2nd\n") + frame(1, 3, "third\n") +
                            frame(1, 4, "4th\n")));
    EXPECT_EQ(read("stdout.1"), "first\n2nd\n");
    EXPECT_EQ(read("stdout"), "third\n4th\n");
}

TEST_F(LogFilesTest, RotatesBySizeAndKeepsSoMany) {
    const auto files = open({LogLimit{8, 3}, LogLimit{}});
    files->begin();
    for (int i = 0; i < 5; ++i)
        ASSERT_TRUE(files->take(frame(1, i + 1, fmt::format("line{}\n", i))));
    EXPECT_EQ(read("stdout"), "line4\n");
    EXPECT_EQ(read("stdout.1"), "line3\n");
    EXPECT_EQ(read("stdout.2"), "line2\n");
    EXPECT_FALSE(std::filesystem::exists(folder_.path() + "/stdout.3"));
}

TEST_F(LogFilesTest, ABrokenStreamIsTakenUpAgain) {
    const auto files = open();
    files->begin();
    const std::string second = frame(1, 2, "b\n");
    ASSERT_TRUE(files->take(frame(1, 1, "a\n") + second.substr(0, 12)));
    EXPECT_EQ(files->begin(), "1795400929.000000001");  // stderr said nothing: a margin before.
    ASSERT_TRUE(files->take(frame(1, 1, "a\n") + second));
    EXPECT_EQ(read("stdout"), "a\nb\n");
    EXPECT_FALSE(files->take("garbage that is no frame"));
}

TEST_F(LogFilesTest, LinksOfATaskAreNotFollowed) {
    const std::string target = record_.path() + "/target";
    std::ofstream(target) << "mine";
    std::filesystem::create_symlink(target, folder_.path() + "/stdout");
    const auto files = open();
    files->begin();
    ASSERT_TRUE(files->take(frame(1, 1, "a\n")));
    EXPECT_EQ(read("stdout"), "a\n");
    std::ifstream in(target);
    std::string text;
    in >> text;
    EXPECT_EQ(text, "mine");
}

}  // namespace
}  // namespace tepui::containerizer::docker
