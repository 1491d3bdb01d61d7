#include "master/whitelist_file.h"

#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include <fstream>
#include <future>
#include <optional>

#include "base/temporary_directory_testing.h"

namespace tepui::master {
namespace {

using namespace std::chrono_literals;
using Hostnames = std::set<std::string>;

void write(const std::string& path, const std::string& text) {
    std::ofstream(path + ".new", std::ios::binary) << text;
    std::filesystem::rename(path + ".new", path);
}

TEST(WhitelistFile, IsANameALine) {
    EXPECT_EQ(parse_whitelist("node1\n\n  node2.example\t\r\nnode1"),
              (Hostnames{"node1", "node2.example"}));
    EXPECT_TRUE(parse_whitelist("\n \n").empty());
}

TEST(WhitelistFile, ThatCannotBeReadIsNamed) {
    const TemporaryDirectory folder;
    const auto missing = read_whitelist(folder.path() + "/nodes");
    ASSERT_FALSE(missing);
    EXPECT_EQ(missing.error().code, Errc::not_found);
    EXPECT_THAT(missing.error().text, testing::HasSubstr(folder.path() + "/nodes"));
    EXPECT_FALSE(read_whitelist(folder.path()));
    write(folder.path() + "/nodes", std::string((16 << 20) + 1, 'a'));
    EXPECT_EQ(read_whitelist(folder.path() + "/nodes").error().code, Errc::too_large);
}

TEST(WhitelistWatch, TellsOfChangesAndOfTheFirstErrorOfARow) {
    const TemporaryDirectory folder;
    const std::string path = folder.path() + "/nodes";
    write(path, "node1\n");
    std::mutex mutex;
    std::condition_variable heard;
    std::vector<Result<Hostnames>> told;
    const WhitelistWatch watch(path, {"node1"}, 1ms, [&](Result<Hostnames> said) {
        const std::scoped_lock lock(mutex);
        told.push_back(std::move(said));
        heard.notify_all();
    });
    const auto expect_told = [&](std::size_t count) {
        std::unique_lock lock(mutex);
        ASSERT_TRUE(heard.wait_for(lock, 30s, [&] { return told.size() >= count; }));
    };
    write(path, "node1\nnode2\n");
    expect_told(1);
    std::filesystem::remove(path);
    expect_told(2);
    write(path, "node1\nnode2\n");  // As before: nothing to tell.
    write(path, "node3\n");
    expect_told(3);
    const std::scoped_lock lock(mutex);
    ASSERT_TRUE(told[0]);
    EXPECT_EQ(*told[0], (Hostnames{"node1", "node2"}));
    EXPECT_EQ(told[1].error().code, Errc::not_found);
    ASSERT_TRUE(told[2]);
    EXPECT_EQ(*told[2], Hostnames{"node3"});
    EXPECT_EQ(told.size(), 3u);
}

}  // namespace
}  // namespace tepui::master
