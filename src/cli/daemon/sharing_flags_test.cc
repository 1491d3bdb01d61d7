#include "cli/daemon/sharing_flags.h"

#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include <fstream>

#include "base/temporary_directory_testing.h"
#include "cli/daemon/daemon.h"

namespace tepui::cli {
namespace {

using namespace std::chrono_literals;
using Names = std::set<std::string>;

Result<master::MasterOptions> options_of(const std::vector<std::string>& arguments) {
    FlagSet set;
    set.file_values = true;
    set.flags = master_sharing_flags();
    const auto parsed =
        parse_flags(set, arguments, [](const std::string&) { return std::nullopt; });
    if (!parsed) return std::unexpected(parsed.error());
    master::MasterOptions options;
    TEPUI_CHECK_OK(read_master_sharing(*parsed, options));
    return options;
}

TEST(SharingFlags, DefaultsAreThoseOfTheCore) {
    const auto options = options_of({});
    ASSERT_TRUE(options) << options.error().text;
    const master::CoreConfig defaults;
    EXPECT_EQ(options->core.whitelist, std::nullopt);
    EXPECT_EQ(options->core.roles, std::nullopt);
    EXPECT_EQ(options->whitelist_file, "");
    EXPECT_TRUE(options->core.fair_sharing_excluded.empty());
    EXPECT_FALSE(options->core.random_role_sorter);
    EXPECT_FALSE(options->core.random_framework_sorter);
    EXPECT_EQ(options->core.allocator_agent_recovery_factor,
              defaults.allocator_agent_recovery_factor);
    EXPECT_EQ(options->core.allocator_recovery_timeout, defaults.allocator_recovery_timeout);
    EXPECT_EQ(options->core.constraint_regex_max_bytes, defaults.constraint_regex_max_bytes);
    EXPECT_EQ(options->core.constraint_regex_max_program, defaults.constraint_regex_max_program);
}

TEST(SharingFlags, EachArrives) {
    const auto options = options_of(
        {"--whitelist=one,two.example", "--roles=a,b/c", "--user_sorter=random",
         "--framework_sorter=random", "--fair_sharing_excluded_resource_names=gpus,disk",
         "--allocator_agent_recovery_factor=0.5", "--allocator_recovery_timeout=3mins",
         "--offer_constraints_re2_max_mem=8KB", "--offer_constraints_re2_max_program_size=7"});
    ASSERT_TRUE(options) << options.error().text;
    EXPECT_EQ(options->core.whitelist, (Names{"one", "two.example"}));
    EXPECT_EQ(options->core.roles, (Names{"*", "a", "b/c"}));
    EXPECT_TRUE(options->core.random_role_sorter);
    EXPECT_TRUE(options->core.random_framework_sorter);
    EXPECT_EQ(options->core.fair_sharing_excluded, (Names{"disk", "gpus"}));
    EXPECT_EQ(options->core.allocator_agent_recovery_factor, 0.5);
    EXPECT_EQ(options->core.allocator_recovery_timeout, Duration(3min));
    EXPECT_EQ(options->core.constraint_regex_max_bytes, 8192);
    EXPECT_EQ(options->core.constraint_regex_max_program, 7);
}

TEST(SharingFlags, AWhitelistsFileIsNotReadHere) {
    const TemporaryDirectory folder;
    const std::string path = folder.path() + "/hosts";
    std::ofstream(path) << "node1\n";
    for (const std::string& value : {path, "file://" + path}) {
        const auto options = options_of({"--whitelist=" + value});
        ASSERT_TRUE(options) << options.error().text;
        EXPECT_EQ(options->whitelist_file, path) << "it is read again and again, by the master";
        EXPECT_EQ(options->core.whitelist, std::nullopt);
    }
}

TEST(SharingFlags, WrongValuesAreNamed) {
    const std::pair<const char*, const char*> rows[] = {
        {"--role_sorter=fair", "role_sorter"},
        {"--framework_sorter=", "framework_sorter"},
        {"--roles=a,b//c", "b//c"},
        {"--whitelist=file://hosts", "hosts"},
        {"--allocator_agent_recovery_factor=1.5", "from 0 to 1"},
        {"--allocator_agent_recovery_factor=half", "half"},
        {"--allocator_recovery_timeout=-1secs", "allocator_recovery_timeout"},
        {"--offer_constraints_re2_max_mem=1B", "offer_constraints_re2_max_mem"},
        {"--offer_constraints_re2_max_program_size=0", "program_size"}};
    for (const auto& [argument, named] : rows) {
        const auto options = options_of({argument});
        ASSERT_FALSE(options) << argument;
        EXPECT_EQ(options.error().code, Errc::invalid_argument);
        EXPECT_THAT(options.error().text, testing::HasSubstr(named));
    }
}

}  // namespace
}  // namespace tepui::cli
