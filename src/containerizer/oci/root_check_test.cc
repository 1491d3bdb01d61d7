#include "containerizer/oci/root_check.h"

#include <unistd.h>

#include <filesystem>
#include <fstream>

#include <gmock/gmock.h>
#include <gtest/gtest.h>

namespace tepui::containerizer::oci {
namespace {

using testing::HasSubstr;

TEST(CheckRoot, SystemDirectoriesAreDirectoriesOrMissing) {
    std::string pattern = "/tmp/tepui-root-check-XXXXXX";
    const std::filesystem::path root = ::mkdtemp(pattern.data());
    const auto check = [&] { return check_root(root.string()); };
    EXPECT_TRUE(check());
    for (const std::string place : {"dev", "proc", "sys"}) {
        std::filesystem::create_symlink("/tmp", root / place);
        ASSERT_FALSE(check()) << place;
        EXPECT_EQ(check().error().code, Errc::denied);
        EXPECT_THAT(check().error().text, HasSubstr("/" + place + " is a symbolic link"));
        std::filesystem::remove(root / place);
        std::ofstream(root / place) << "x";
        ASSERT_FALSE(check()) << place;
        EXPECT_THAT(check().error().text, HasSubstr("/" + place + " is no directory"));
        std::filesystem::remove(root / place);
        std::filesystem::create_directory(root / place);
        EXPECT_TRUE(check()) << place;
    }
    std::filesystem::remove_all(root);
    EXPECT_EQ(check().error().code, Errc::io);
}

}  // namespace
}  // namespace tepui::containerizer::oci
