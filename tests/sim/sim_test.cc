#include <cstdlib>
#include <functional>
#include <iostream>
#include <string>
#include <string_view>

#include <gtest/gtest.h>

#include "sim/world.h"

namespace tepui::sim {
namespace {

std::uint64_t first_seed = 1;
std::uint64_t seeds = 1000;
bool tell_story = false;

TEST(Sim, InvariantsHoldForEverySeed) {
    int asked = 0;
    int started = 0;
    int displaced = 0;
    std::uint64_t events = 0;
    int failures = 0;
    for (std::uint64_t seed = first_seed; seed < first_seed + seeds && failures < 10; ++seed) {
        std::function<void(const std::string&)> trace;
        if (tell_story) trace = [](const std::string& line) { std::cout << line << '\n'; };
        const Outcome outcome = run(seed, scenario_of(seed), trace);
        asked += outcome.tasks_asked;
        started += outcome.tasks_started;
        displaced += outcome.tasks_displaced;
        events += outcome.events;
        if (outcome.breaches.empty()) continue;
        ++failures;
        std::string text;
        for (std::size_t i = 0; i < outcome.breaches.size() && i < 5; ++i)
            text += "\n  " + outcome.breaches[i];
        ADD_FAILURE() << "seed " << seed << " (replay: sim_test --seed=" << seed << "):" << text;
    }
    std::cout << seeds << " seeds: " << events << " events, " << asked << " tasks asked for, "
              << started << " started, " << displaced << " displaced\n";
    // A simulator in which nothing happens would prove nothing.
    if (seeds >= 100) {
        EXPECT_GT(started, asked / 2);
        EXPECT_GT(started, static_cast<int>(seeds) * 10);
        EXPECT_GT(displaced, static_cast<int>(seeds) / 10);
    }
}

TEST(Sim, SameSeedSameRun) {
    for (std::uint64_t seed = first_seed; seed < first_seed + 10; ++seed) {
        EXPECT_EQ(run(seed, scenario_of(seed)).fingerprint,
                  run(seed, scenario_of(seed)).fingerprint)
            << "seed " << seed;
    }
    EXPECT_NE(run(1, scenario_of(1)).fingerprint, run(2, scenario_of(1)).fingerprint);
}

TEST(Sim, AQuietWorldRunsEverythingItAccepts) {
    Scenario scenario;
    scenario.faults = Faults::none();
    std::function<void(const std::string&)> trace;
    if (tell_story) trace = [](const std::string& line) { std::cout << line << '\n'; };
    const Outcome outcome = run(42, scenario, trace);
    EXPECT_TRUE(outcome.breaches.empty());
    EXPECT_EQ(outcome.tasks_started + outcome.tasks_called_off, outcome.tasks_asked);
    EXPECT_GT(outcome.tasks_started, 20);
}

}  // namespace
}  // namespace tepui::sim

int main(int argc, char** argv) {
    testing::InitGoogleTest(&argc, argv);
    for (int i = 1; i < argc; ++i) {
        const std::string_view argument = argv[i];
        if (argument.starts_with("--seed=")) {
            tepui::sim::first_seed = std::strtoull(argv[i] + 7, nullptr, 10);
            tepui::sim::seeds = 1;
        } else if (argument == "--trace") {
            tepui::sim::tell_story = true;
        } else if (argument.starts_with("--seeds=")) {
            tepui::sim::seeds = std::strtoull(argv[i] + 8, nullptr, 10);
        } else if (argument.starts_with("--from=")) {
            tepui::sim::first_seed = std::strtoull(argv[i] + 7, nullptr, 10);
        } else {
            std::cerr << "usage: sim_test [--trace] [--seed=N | --from=N --seeds=COUNT]\n";
            return 2;
        }
    }
    return RUN_ALL_TESTS();
}
