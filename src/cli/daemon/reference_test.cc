// docs/reference/{isolators,flags}.md are made from the code. A page that is not what the code says
// fails; with TEPUI_WRITE_REFERENCE=1 in the environment it is written anew instead.
#include <algorithm>
#include <cstdlib>
#include <filesystem>
#include <fstream>
#include <map>
#include <sstream>

#include <fmt/core.h>
#include <gtest/gtest.h>

#include "cli/daemon/daemon.h"
#include "containerizer/isolator_table.h"

namespace tepui::cli {
namespace {

constexpr const char* k_note =
    "<!-- Made from the code by src/cli/daemon/reference_test.cc; don't edit. -->\n\n";
constexpr const char* k_isolators = TEPUI_SOURCE_DIR "/src/containerizer/isolators/";

/// Of text within a table.
std::string cell(std::string_view text) {
    std::string escaped;
    for (const char c : text) {
        if (c == '|' || c == '<') escaped += '\\';
        escaped += c;
    }
    return escaped;
}

std::string code(std::string_view text) { return text.empty() ? "" : fmt::format("`{}`", text); }

/// The folder with the page of an isolator; of cgroups/all there is none.
std::string folder_of(std::string_view name) {
    static const std::map<std::string_view, std::string> shared = {
        {"cgroups/all", ""},          {"filesystem/posix", "filesystem_linux"},
        {"posix/cpu", "posix_usage"}, {"posix/disk", "disk_du"},
        {"posix/mem", "posix_usage"},
    };
    if (const auto found = shared.find(name); found != shared.end()) return found->second;
    std::string folder(name);
    std::ranges::replace(folder, '/', '_');
    return folder;
}

std::string isolators_page() {
    std::string page =
        "# Isolators\n\n" + std::string(k_note) +
        "What `tepui agent --isolation` knows, by Mesos' names. How they work together is in "
        "[containers](../operate/containers.md).\n\n"
        "| isolator | what a task has of it | needs |\n|---|---|---|\n";
    std::string refused;
    for (const containerizer::IsolatorRow& row : containerizer::isolator_table()) {
        if (!row.refused.empty()) {
            refused += fmt::format("| `{}` | {} |\n", row.name, cell(row.refused));
            continue;
        }
        std::string needs = code(row.needs);
        if (row.needs_root) needs += needs.empty() ? "root" : ", root";
        const std::string folder = folder_of(row.name);
        const std::string name =
            folder.empty() ? code(row.name)
                           : fmt::format("[`{}`](../../src/containerizer/isolators/{}/README.md)",
                                         row.name, folder);
        page += fmt::format("| {} | {} | {} |\n", name, cell(row.gives), needs);
    }
    page += "\n## Not together\n\n| | | why |\n|---|---|---|\n";
    for (const auto& each : containerizer::isolator_contradictions())
        page += fmt::format("| `{}` | `{}` | {} |\n", each.one, each.other, cell(each.why));
    return page + "\n## Refused\n\n| isolator of Mesos' | why |\n|---|---|\n" + refused;
}

void append_flags(std::string& page, const Verb& verb) {
    page += fmt::format("\n## `tepui {}`\n", verb.manual.name);
    std::vector<std::string> groups;
    for (const Flag& flag : verb.flags.flags)
        if (std::ranges::find(groups, flag.group) == groups.end()) groups.push_back(flag.group);
    for (const std::string& group : groups) {
        page += fmt::format("\n### {}\n\n| flag | default | meaning |\n|---|---|---|\n", group);
        for (const Flag& flag : verb.flags.flags)
            if (flag.group == group)
                page += fmt::format("| `--{}` | {} | {} |\n", flag.name, code(flag.fallback),
                                    cell(flag.help));
    }
    page +=
        "\n### Flags of Mesos that do not act\n\n| flag | accepted with | why |\n|---|---|---|\n";
    for (const ForeignFlag& flag : verb.flags.foreign) {
        std::string accepted;
        for (const std::string& value : flag.same_as_ours)
            accepted += (accepted.empty() ? "" : ", ") + (value.empty() ? "nothing" : code(value));
        page += fmt::format("| `--{}` | {} | {} |\n", flag.name, accepted, cell(flag.why));
    }
}

std::string flags_page() {
    std::string page = "# Flags of the daemons\n\n" + std::string(k_note) +
                       "Where a flag is looked for is in [configuration]"
                       "(../operate/configuration.md).\n";
    append_flags(page, master_page());
    append_flags(page, agent_page());
    return page;
}

/// The first line in which two pages differ.
std::string difference(const std::string& is, const std::string& should) {
    std::istringstream left(is);
    std::istringstream right(should);
    std::string a;
    std::string b;
    for (int line = 1;; ++line) {
        const bool more = static_cast<bool>(std::getline(left, a));
        if (!std::getline(right, b)) return more ? fmt::format("line {}: {}", line, a) : "";
        if (!more || a != b) return fmt::format("line {} is not what the code says: {}", line, b);
    }
}

void expect_page(const std::string& name, const std::string& should) {
    const std::string path = TEPUI_SOURCE_DIR "/docs/reference/" + name;
    if (std::getenv("TEPUI_WRITE_REFERENCE") != nullptr) {
        std::ofstream(path) << should;
        return;
    }
    std::stringstream is;
    is << std::ifstream(path).rdbuf();
    EXPECT_EQ(difference(is.str(), should), "")
        << path << " is out of date: TEPUI_WRITE_REFERENCE=1 with this test writes it anew";
}

TEST(Reference, IsolatorsAreTheCodes) { expect_page("isolators.md", isolators_page()); }

TEST(Reference, FlagsAreTheCodes) { expect_page("flags.md", flags_page()); }

TEST(Reference, EveryIsolatorHasAFolderWithAPage) {
    for (const containerizer::IsolatorRow& row : containerizer::isolator_table()) {
        if (!row.refused.empty()) continue;
        EXPECT_FALSE(row.gives.empty()) << row.name;
        const std::string folder = folder_of(row.name);
        if (folder.empty()) continue;
        EXPECT_TRUE(std::filesystem::exists(k_isolators + folder + "/README.md")) << row.name;
    }
}

}  // namespace
}  // namespace tepui::cli
