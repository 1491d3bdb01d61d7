// Every rule of sharing as a story: scenarios/*.txt, in the language of scenario_testing.h.
#include <algorithm>
#include <filesystem>
#include <fstream>
#include <sstream>

#include <gtest/gtest.h>

#include "allocator/scenario_testing.h"

namespace tepui::allocator {
namespace {

std::vector<std::filesystem::path> scenario_files() {
    const std::filesystem::path folder = TEPUI_SOURCE_DIR "/src/allocator/scenarios";
    std::vector<std::filesystem::path> files;
    for (const auto& entry : std::filesystem::directory_iterator(folder)) {
        if (entry.path().extension() == ".txt") files.push_back(entry.path());
    }
    std::sort(files.begin(), files.end());
    return files;
}

class AllocatorScenarios : public testing::TestWithParam<std::filesystem::path> {};

TEST_P(AllocatorScenarios, GoesAsWritten) {
    std::ifstream file(GetParam());
    std::stringstream text;
    text << file.rdbuf();
    ASSERT_FALSE(text.str().empty()) << GetParam();
    EXPECT_EQ(run_scenario(text.str()), "") << GetParam();
}

INSTANTIATE_TEST_SUITE_P(Files, AllocatorScenarios, testing::ValuesIn(scenario_files()),
                         [](const auto& file) {
                             auto name = file.param.stem().string();
                             std::replace(name.begin(), name.end(), '-', '_');
                             return name;
                         });

TEST(AllocatorScenarioLanguage, SaysWhatWentWrong) {
    const std::string agent = "framework f *\nagent s cpus:1\noffers\n";
    EXPECT_EQ(run_scenario(agent + "  f * s cpus:1\n"), "");
    EXPECT_NE(run_scenario(agent), "");
    EXPECT_NE(run_scenario(agent + "  f * s cpus:2\n"), "");
    EXPECT_NE(run_scenario("frobnicate\n"), "");
    EXPECT_NE(run_scenario("agent\n"), "");
    EXPECT_NE(run_scenario("consumed a cpus:1\n"), "");
}

}  // namespace
}  // namespace tepui::allocator
