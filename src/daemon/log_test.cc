#include "daemon/log.h"

#include <gtest/gtest.h>

#include <cstdlib>
#include <filesystem>
#include <fstream>
#include <sstream>

namespace tepui::daemon {
namespace {

class LogTest : public ::testing::Test {
protected:
    LogTest() {
        std::string pattern = std::filesystem::temp_directory_path().string() + "/tepui-log-XXXXXX";
        if (mkdtemp(pattern.data()) == nullptr) throw std::runtime_error("no directory");
        folder_ = pattern;
        options_.to_stderr = false;
    }
    ~LogTest() override {
        std::error_code ignored;
        std::filesystem::remove_all(folder_, ignored);
    }
    static std::string read(const std::string& path) {
        std::ostringstream text;
        text << std::ifstream(path).rdbuf();
        return text.str();
    }

    std::string folder_;
    LogOptions options_;
};

TEST_F(LogTest, LiesInTheWorkDirectory) {
    const auto log = Log::open(options_, folder_, "master");
    ASSERT_TRUE(log) << log.error().text;
    EXPECT_EQ((*log)->path(), folder_ + "/log/master.log");
    (*log)->info("one\nline");
    const std::string text = read((*log)->path());
    EXPECT_NE(text.find("one line\n"), std::string::npos) << text;
}

TEST_F(LogTest, LiesWhereItIsWanted) {
    options_.directory = folder_ + "/elsewhere";
    const auto log = Log::open(options_, folder_, "agent");
    ASSERT_TRUE(log) << log.error().text;
    EXPECT_EQ((*log)->path(), folder_ + "/elsewhere/agent.log");
    (*log)->error("here");
    EXPECT_NE(read((*log)->path()).find("here"), std::string::npos);
    EXPECT_FALSE(std::filesystem::exists(folder_ + "/log"));
}

TEST_F(LogTest, NoFileWithoutADirectory) {
    const auto log = Log::open(options_, "", "master");
    ASSERT_TRUE(log);
    EXPECT_EQ((*log)->path(), "");
}

TEST_F(LogTest, ADirectoryThatCannotBeMade) {
    options_.directory = "/proc/none/such";
    const auto log = Log::open(options_, folder_, "agent");
    ASSERT_FALSE(log);
    EXPECT_EQ(log.error().code, Errc::io);
}

}  // namespace
}  // namespace tepui::daemon
