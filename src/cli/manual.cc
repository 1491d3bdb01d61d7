#include "cli/manual.h"

#include <algorithm>

#include <fmt/core.h>

#include "base/ascii.h"
#include "cli/table.h"

namespace tepui::cli {

namespace {

std::string flag_heading(const Flag& flag) {
    std::string text = flag.letter == 0 ? "" : fmt::format("-{}, ", flag.letter);
    if (flag.kind == FlagKind::boolean) {
        const bool on = flag.fallback == "true";
        return text + fmt::format("--{}{}", on ? "[no-]" : "", flag.name);
    }
    const bool underscores = flag.name.find('_') != std::string::npos;
    return text + fmt::format("--{}{}{}", flag.name, underscores ? "=" : " ", flag.value_name);
}

std::string environment_note(const FlagSet& set, const Flag& flag) {
    std::string text;
    for (const std::string& prefix : set.environment_prefixes) {
        text += (text.empty() ? "" : ", ") + prefix + upper_case(normalized(flag.name));
    }
    if (!flag.environment.empty()) text += (text.empty() ? "" : ", ") + flag.environment;
    return text;
}

void append_flag(std::string& page, const FlagSet& set, const Flag& flag, std::size_t width) {
    page += "  " + flag_heading(flag) + '\n';
    page += wrap(flag.help, 8, width);
    std::string notes;
    if (flag.kind == FlagKind::list) notes += "May be given more than once. ";
    if (!flag.fallback.empty()) notes += fmt::format("Default: {}. ", flag.fallback);
    const std::string variables = environment_note(set, flag);
    if (!variables.empty()) notes += fmt::format("Environment: {}. ", variables);
    if (!notes.empty()) page += wrap(notes, 8, width);
    page += '\n';
}

void append_flags(std::string& page, const FlagSet& set, std::size_t width) {
    std::vector<std::string> groups;
    for (const Flag& flag : set.flags) {
        if (std::find(groups.begin(), groups.end(), flag.group) == groups.end()) {
            groups.push_back(flag.group);
        }
    }
    for (const std::string& group : groups) {
        page += upper_case(group) + '\n';
        for (const Flag& flag : set.flags) {
            if (flag.group == group) append_flag(page, set, flag, width);
        }
    }
}

void append_exit_status(std::string& page, const Manual& manual) {
    page += "EXIT STATUS\n";
    for (const auto& [code, meaning] : common_exit_status())
        page += fmt::format("  {:<8}{}\n", code, meaning);
    for (const auto& [code, meaning] : manual.exit_status) {
        page += fmt::format("  {:<8}{}\n", code, meaning);
    }
}

}  // namespace

std::span<const std::pair<std::string_view, std::string_view>> common_exit_status() {
    static constexpr std::pair<std::string_view, std::string_view> common[] = {
        {"0", "success"},
        {"1", "the work failed"},
        {"2", "the command line is wrong"},
        {"3", "the named object does not exist"},
        {"4", "a deadline passed"},
        {"5", "the cluster denied it"},
    };
    return common;
}

std::string wrap(std::string_view text, std::size_t indent, std::size_t width) {
    std::string lines;
    std::string line;
    const auto flush = [&] {
        if (!line.empty()) lines += std::string(indent, ' ') + line + '\n';
        line.clear();
    };
    while (!text.empty()) {
        const std::size_t space = text.find(' ');
        const std::string_view word = text.substr(0, space);
        text = space == std::string_view::npos ? std::string_view{} : text.substr(space + 1);
        if (word.empty()) continue;
        const std::size_t room = indent + display_width(line) + 1 + display_width(word);
        if (!line.empty() && room > width) flush();
        if (!line.empty()) line += ' ';
        line += word;
    }
    flush();
    return lines;
}

std::string render_manual(const Manual& manual, const FlagSet& flags, std::size_t width) {
    std::string page =
        fmt::format("NAME\n  tepui {} - {}\n\nSYNOPSIS\n", manual.name, manual.summary);
    for (const std::string& line : manual.synopsis) page += fmt::format("  tepui {}\n", line);
    page += "\nDESCRIPTION\n";
    for (const std::string& paragraph : manual.description)
        page += wrap(paragraph, 2, width) + '\n';
    append_flags(page, flags, width);
    append_exit_status(page, manual);
    if (!manual.examples.empty()) page += "\nEXAMPLES\n";
    for (const auto& [command, meaning] : manual.examples) {
        page += fmt::format("  {}\n", command) + wrap(meaning, 6, width);
    }
    return page;
}

}  // namespace tepui::cli
