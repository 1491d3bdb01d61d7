#include "cli/view/priorities.h"

#include <charconv>
#include <set>

#include <fmt/core.h>
#include <simdjson.h>

#include "wire/json_writer.h"

namespace tepui::cli {

namespace {

std::int32_t band_of(const Priorities& priorities, const std::string& role) {
    const auto it = priorities.find(role);
    return it == priorities.end() ? 0 : it->second;
}

std::map<std::string, std::size_t> tasks_by_top_role(const mesos::v1::master::Response& tasks) {
    std::map<std::string, std::size_t> counts;
    for (const auto& task : tasks.get_tasks().tasks()) {
        if (task.resources().empty()) continue;
        const std::string& role = task.resources(0).allocation_info().role();
        ++counts[role.substr(0, role.find('/'))];
    }
    return counts;
}

}  // namespace

Result<Priorities> parse_priorities(const std::string& body) {
    simdjson::dom::parser parser;
    simdjson::dom::object object;
    Priorities priorities;
    if (parser.parse(body).get(object) != simdjson::SUCCESS) {
        return fail(Errc::corrupt, "the master's answer is no object of roles and bands");
    }
    for (const auto& [role, value] : object) {
        std::int64_t band = 0;
        if (value.get(band) != simdjson::SUCCESS) {
            return fail(Errc::corrupt, "the master's answer gives role {} no number", role);
        }
        priorities.emplace(role, static_cast<std::int32_t>(band));
    }
    return priorities;
}

std::string priorities_body(const Priorities& priorities) {
    std::string body;
    wire::JsonWriter json(body);
    json.begin_object();
    for (const auto& [role, band] : priorities) json.key(role).value(std::int64_t{band});
    json.end_object();
    return body;
}

Result<Priorities> parse_priority_words(const std::vector<std::string>& words) {
    Priorities wanted;
    for (const std::string& word : words) {
        const std::size_t equals = word.rfind('=');
        if (equals == std::string::npos || equals == 0) {
            return fail(Errc::invalid_argument, "'{}' is not ROLE=BAND", word);
        }
        const std::string role = word.substr(0, equals);
        std::int32_t band = 0;
        const char* const end = word.data() + word.size();
        const auto read = std::from_chars(word.data() + equals + 1, end, band);
        if (read.ec != std::errc{} || read.ptr != end) {
            return fail(Errc::invalid_argument, "the band '{}' of role {} is not a whole number",
                        word.substr(equals + 1), role);
        }
        wanted.insert_or_assign(role, band);
    }
    return wanted;
}

Result<Priorities> removed_priorities(const Priorities& now,
                                      const std::vector<std::string>& roles) {
    Priorities wanted;
    for (const std::string& role : roles) {
        if (!now.contains(role)) return fail(Errc::not_found, "role {} has no priority", role);
        wanted.emplace(role, 0);
    }
    return wanted;
}

PriorityPlan plan_priorities(const Priorities& now, const Priorities& wanted,
                             const mesos::v1::master::Response& tasks) {
    PriorityPlan plan;
    Priorities then = now;
    for (const auto& [role, band] : wanted) then.insert_or_assign(role, band);
    const auto counts = tasks_by_top_role(tasks);
    for (const auto& [role, band] : wanted) {
        plan.lines.push_back(fmt::format("{}: priority {} -> {}", role, band_of(now, role), band));
    }
    for (const auto& [role, count] : counts) {
        for (const auto& [above, band] : then) {
            const bool is_new = band_of(now, role) >= band_of(now, above);
            if (band <= band_of(then, role) || !is_new) continue;
            plan.warnings.push_back(fmt::format("{} {} of role {} may be displaced by role {}",
                                                count, count == 1 ? "task" : "tasks", role, above));
        }
    }
    return plan;
}

}  // namespace tepui::cli
