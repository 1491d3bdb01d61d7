#include "cli/cluster/state_file.h"

#include <charconv>
#include <cstdio>
#include <fstream>
#include <sstream>

#include <fmt/core.h>

namespace tepui::cli {

namespace {

constexpr std::string_view head = "tepui-cluster 1";

std::vector<std::string> split(std::string_view line) {
    std::vector<std::string> fields;
    for (;;) {
        const std::size_t tab = line.find('\t');
        fields.emplace_back(line.substr(0, tab));
        if (tab == std::string_view::npos) return fields;
        line.remove_prefix(tab + 1);
    }
}

template <typename Number>
bool parse_number(const std::string& text, Number& number) {
    const auto [end, error] = std::from_chars(text.data(), text.data() + text.size(), number);
    return error == std::errc{} && end == text.data() + text.size();
}

}  // namespace

std::string format_state(const ClusterState& state) {
    std::string text = fmt::format("{}\nsupervisor\t{}\t{}\n", head, state.supervisor.pid,
                                   state.supervisor.start_ticks);
    for (const auto& daemon : state.daemons) {
        text += fmt::format("daemon\t{}\t{}\t{}\t{}\t{}\t{}\n", daemon.name, daemon.process.pid,
                            daemon.process.start_ticks, daemon.port, daemon.cgroups_root,
                            daemon.runtime_dir);
    }
    return text;
}

Result<ClusterState> parse_state(std::string_view text) {
    std::istringstream lines{std::string(text)};
    std::string line;
    if (!std::getline(lines, line) || line != head) {
        return fail(Errc::corrupt, "line 1: not the state of a cluster of this version");
    }
    ClusterState state;
    for (int number = 2; std::getline(lines, line); ++number) {
        const auto fields = split(line);
        const auto process = [&](std::size_t at, ProcessRef& into) {
            return parse_number(fields[at], into.pid) &&
                   parse_number(fields[at + 1], into.start_ticks) && into.pid > 1;
        };
        if (fields[0] == "supervisor" && fields.size() == 3 && process(1, state.supervisor))
            continue;
        ClusterState::Daemon daemon;
        if (fields[0] == "daemon" && fields.size() == 7 && process(2, daemon.process) &&
            parse_number(fields[4], daemon.port)) {
            daemon.name = fields[1];
            daemon.cgroups_root = fields[5];
            daemon.runtime_dir = fields[6];
            state.daemons.push_back(std::move(daemon));
            continue;
        }
        return fail(Errc::corrupt, "line {}: cannot be understood", number);
    }
    if (state.daemons.empty() || state.supervisor.pid == 0) {
        return fail(Errc::corrupt, "it names no cluster");
    }
    return state;
}

std::string state_path(const std::string& work_dir) { return work_dir + "/cluster"; }

Result<ClusterState> read_state(const std::string& work_dir) {
    const std::string path = state_path(work_dir);
    std::ifstream file(path);
    if (!file) return fail(Errc::not_found, "there is no cluster in {}", work_dir);
    std::ostringstream text;
    text << file.rdbuf();
    auto state = parse_state(std::move(text).str());
    if (!state) return fail_with(path, state.error());
    return state;
}

Result<void> write_state(const std::string& work_dir, const ClusterState& state) {
    const std::string path = state_path(work_dir);
    {
        std::ofstream file(path + ".new", std::ios::trunc);
        file << format_state(state);
        if (!file.flush()) return fail(Errc::io, "cannot write {}.new", path);
    }
    if (std::rename((path + ".new").c_str(), path.c_str()) != 0) {
        return fail(Errc::io, "cannot replace {}", path);
    }
    return {};
}

void remove_state(const std::string& work_dir) { std::remove(state_path(work_dir).c_str()); }

}  // namespace tepui::cli
