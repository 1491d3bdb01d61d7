#include "cli/roff.h"

#include <algorithm>

#include <fmt/core.h>

#include "base/ascii.h"
#include "daemon/version.h"

namespace tepui::cli {

namespace {

/// Text as roff shows it: its own characters escaped, the hyphens of options left ASCII.
std::string plain(std::string_view text) {
    std::string out;
    bool line_begins = true;
    for (const char c : text) {
        if (line_begins && (c == '.' || c == '\'')) out += "\\&";
        switch (c) {
            case '\\': out += "\\e"; break;
            case '-': out += "\\-"; break;
            case '`':
            case '\'': out += c == '`' ? "\\(ga" : "\\(aq"; break;
            case '^': out += "\\(ha"; break;
            case '~': out += "\\(ti"; break;
            case '"': out += "\\(dq"; break;
            default: out += c;
        }
        line_begins = c == '\n';
    }
    return out;
}

std::string bold(std::string_view text) { return "\\fB" + plain(text) + "\\fR"; }
std::string italic(std::string_view text) { return "\\fI" + plain(text) + "\\fR"; }

std::string heading(const std::string& name) {
    return fmt::format(".TH {} 1 \"\" \"Tepui {}\" \"User Commands\"\n", upper_case(name),
                       daemon::product_version);
}

/// A synopsis line with what is to be typed in bold and what is to be replaced in italics.
std::string synopsis(std::string_view line) {
    std::string out = ".B tepui\n";
    while (!line.empty()) {
        const std::size_t space = std::min(line.find(' '), line.size());
        const std::string_view word = line.substr(0, space);
        line.remove_prefix(std::min(space + 1, line.size()));
        const bool placeholder =
            std::any_of(word.begin(), word.end(), [](char c) { return c >= 'A' && c <= 'Z'; }) &&
            std::none_of(word.begin(), word.end(), [](char c) { return c >= 'a' && c <= 'z'; });
        out += (placeholder ? italic(word) : bold(word)) + '\n';
    }
    return out + ".br\n";
}

std::string flag_entry(const FlagSet& set, const Flag& flag) {
    std::string out = ".TP\n";
    if (flag.letter != 0) out += bold(fmt::format("-{}", flag.letter)) + ", ";
    if (flag.kind == FlagKind::boolean) {
        out += bold(fmt::format("--{}{}", flag.fallback == "true" ? "[no-]" : "", flag.name));
    } else {
        const bool underscores = flag.name.find('_') != std::string::npos;
        out += bold("--" + flag.name) + (underscores ? "=" : " ") + italic(flag.value_name);
    }
    out += '\n' + plain(flag.help) + '\n';
    if (flag.kind == FlagKind::list) out += "May be given more than once.\n";
    if (!flag.fallback.empty()) out += plain(fmt::format("Default: {}.", flag.fallback)) + '\n';
    std::string variables;
    const auto add = [&variables](const std::string& name) {
        variables += (variables.empty() ? "" : ", ") + bold(name);
    };
    for (const std::string& prefix : set.environment_prefixes) {
        add(prefix + upper_case(normalized(flag.name)));
    }
    if (!flag.environment.empty()) add(flag.environment);
    if (!variables.empty()) out += "Environment: " + variables + ".\n";
    return out;
}

std::string flag_sections(const FlagSet& set) {
    std::vector<std::string> groups;
    for (const Flag& flag : set.flags) {
        if (std::find(groups.begin(), groups.end(), flag.group) == groups.end()) {
            groups.push_back(flag.group);
        }
    }
    std::string out = ".SH OPTIONS\n";
    for (const std::string& group : groups) {
        if (group != "Options") out += fmt::format(".SS \"{}\"\n", plain(group));
        for (const Flag& flag : set.flags) {
            if (flag.group == group) out += flag_entry(set, flag);
        }
    }
    return out + ".TP\n\\fB\\-h\\fR, \\fB\\-\\-help\\fR\nShow this page and end.\n";
}

std::string entry(std::string_view term, std::string_view text) {
    return fmt::format(".TP\n{}\n{}\n", bold(term), plain(text));
}

}  // namespace

std::string render_roff(const Manual& manual, const FlagSet& flags) {
    std::string page = heading("tepui-" + manual.name);
    page += fmt::format(".SH NAME\n{} \\- {}\n.SH SYNOPSIS\n", plain("tepui-" + manual.name),
                        plain(manual.summary));
    for (const std::string& line : manual.synopsis) page += synopsis(line);
    page += ".SH DESCRIPTION\n";
    for (const std::string& paragraph : manual.description) {
        page += ".PP\n" + plain(paragraph) + '\n';
    }
    page += flag_sections(flags) + ".SH EXIT STATUS\n";
    for (const auto& [code, meaning] : common_exit_status()) page += entry(code, meaning);
    for (const auto& [code, meaning] : manual.exit_status) page += entry(code, meaning);
    page += ".SH EXAMPLES\n";
    for (const auto& [command, meaning] : manual.examples) page += entry(command, meaning);
    return page + ".SH SEE ALSO\n.BR tepui (1)\n";
}

std::string render_program_roff(std::span<const Verb> verbs) {
    std::string page = heading("tepui");
    page +=
        ".SH NAME\ntepui \\- pools machines and lets many schedulers share them\n"
        ".SH SYNOPSIS\n.B tepui\n\\fIVERB\\fR\n[\\fIARGUMENT\\fR]...\n"
        ".SH DESCRIPTION\n.PP\n"
        "One program is the daemons, the client and a local cluster. Each verb has a page of its "
        "own.\n.SH VERBS\n";
    std::string others;
    for (const Verb& verb : verbs) {
        page += entry(verb.manual.name, verb.manual.summary);
        // ".BR name (1)," sets the comma right behind the bracket.
        others += fmt::format("{}.BR {} (1)", others.empty() ? "" : ",\n",
                              plain("tepui-" + verb.manual.name));
    }
    page += ".SH EXIT STATUS\n";
    for (const auto& [code, meaning] : common_exit_status()) page += entry(code, meaning);
    page += ".SH EXAMPLES\n" + entry("tepui up", "a local cluster") +
            entry("tepui run -- echo hello", "a first task") +
            entry("tepui down", "the end of the cluster");
    return page + ".SH SEE ALSO\n" + others + '\n';
}

}  // namespace tepui::cli
