// api/tables/flags.tsv lists Mesos' flags. Those that operators use are known here: they act, or
// are refused with a reason, and those that act do what they do in Mesos when they are not given.
#include <fstream>
#include <sstream>

#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include "cli/daemon/daemon.h"

namespace tepui::cli {
namespace {

struct Row {
    std::string component;
    std::string name;
    std::string fallback;
    std::string older_name;
    std::string tier;
};

std::vector<Row> read_table() {
    std::ifstream in(TEPUI_SOURCE_DIR "/api/tables/flags.tsv");
    EXPECT_TRUE(in) << "api/tables/flags.tsv";
    std::vector<Row> rows;
    std::string line;
    std::getline(in, line);
    while (std::getline(in, line)) {
        std::istringstream fields(line);
        Row row;
        std::string condition;
        std::getline(fields, row.component, '\t');
        std::getline(fields, row.name, '\t');
        std::getline(fields, row.fallback, '\t');
        std::getline(fields, row.older_name, '\t');
        std::getline(fields, condition, '\t');
        std::getline(fields, row.tier, '\t');
        rows.push_back(std::move(row));
    }
    return rows;
}

const ForeignFlag* find_foreign(const FlagSet& set, const std::string& name) {
    for (const ForeignFlag& flag : set.foreign) {
        if (flag.name == name) return &flag;
    }
    return nullptr;
}

// Ours differ on purpose; docs/operate/configuration.md says how.
const std::map<std::string, std::string> own_fallbacks = {
    {"master/registry", "sqlite"},
    {"agent/isolation",
     "cgroups/cpu,cgroups/mem,cgroups/pids,namespaces/pid,filesystem/linux,posix/rlimits"},
    {"agent/cgroups_root", ""},
    {"agent/runtime_dir", ""},
    {"agent/fetcher_cache_dir", ""},
    {"agent/docker_store_dir", ""},
};

void expect_known(const Verb& verb, const Row& row) {
    const std::string id = verb.manual.name + "/" + row.name;
    const Flag* flag = verb.flags.find(row.name);
    const ForeignFlag* foreign = find_foreign(verb.flags, row.name);
    ASSERT_TRUE(flag != nullptr || foreign != nullptr) << id << " is not known";
    if (foreign != nullptr) {
        EXPECT_GT(foreign->why.size(), 10U) << id;
        EXPECT_THAT(foreign->why, testing::Not(testing::HasSubstr("no counterpart"))) << id;
        if (!row.older_name.empty()) {
            EXPECT_NE(find_foreign(verb.flags, row.older_name), nullptr) << id;
        }
        return;
    }
    if (!row.older_name.empty()) EXPECT_EQ(verb.flags.find(row.older_name), flag) << id;
    if (const auto own = own_fallbacks.find(id); own != own_fallbacks.end()) {
        EXPECT_EQ(flag->fallback, own->second) << id;
    } else if (!row.fallback.starts_with('(')) {  // "(none)" and the like are no values.
        EXPECT_EQ(flag->fallback, row.fallback) << id;
    }
}

TEST(FlagTable, WhatOperatorsUseIsKnown) {
    const Verb master = master_page();
    const Verb agent = agent_page();
    std::size_t seen = 0;
    for (const Row& row : read_table()) {
        if (row.tier != "must" && row.tier != "common") continue;
        ++seen;
        if (row.component != "agent") expect_known(master, row);
        if (row.component != "master") expect_known(agent, row);
    }
    EXPECT_GT(seen, 100U);
}

TEST(FlagTable, HelpIsGrouped) {
    for (const Verb& verb : {master_page(), agent_page()}) {
        for (const Flag& flag : verb.flags.flags) {
            EXPECT_NE(flag.group, "Options") << flag.name;
            EXPECT_FALSE(flag.help.empty()) << flag.name;
        }
    }
}

}  // namespace
}  // namespace tepui::cli
