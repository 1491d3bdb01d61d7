#include "cli/view/explain_causes.h"

#include <algorithm>
#include <array>
#include <cstdlib>
#include <span>

#include <fmt/core.h>
#include <fmt/ranges.h>

#include "cli/view/explain_text.h"
#include "cli/view/sharing.h"
#include "cli/view/text.h"

namespace tepui::cli {

namespace {

/// One cause and all that its sentence may need.
struct Told {
    const JsonValue& cause;
    const JsonValue& group;
    const ExplainSubject& subject;

    std::vector<std::string> names() const {
        std::vector<std::string> list;
        if (const JsonValue* names = cause.find("names")) {
            for (const JsonValue& name : names->items) {
                if (!name.text.empty()) list.push_back(printable(name.text));
            }
        }
        return list;
    }
    std::string names_text() const { return fmt::format("{}", fmt::join(names(), ", ")); }

    std::string framework(const std::string& id) const {
        const auto name = subject.framework_names.find(id);
        return framework_text(id, name == subject.framework_names.end() ? "" : name->second);
    }
    std::string who() const {
        return subject.framework_id.empty() ? "the framework" : framework(subject.framework_id);
    }
    std::string role() const {
        return subject.role.empty() ? "its role" : fmt::format("role '{}'", subject.role);
    }
    /// The role that has quota and priority.
    std::string top_role() const { return subject.role.substr(0, subject.role.find('/')); }
    std::string agent_is() const { return subject.of_agent ? "the agent is " : ""; }
};

std::string label_of(const JsonValue& example, const JsonValue& examples) {
    const std::string name = example.text_of("name");
    const auto alike = std::ranges::count_if(
        examples.items, [&](const JsonValue& other) { return other.text_of("name") == name; });
    return name.empty() || alike > 1 ? example.text_of("id") : name;
}

/// What a command may call the agent; for a class the first of its agents.
std::string agent_word(const Told& told) {
    const JsonValue* examples = told.group.find("examples");
    const bool has_examples = examples != nullptr && !examples->items.empty();
    if (told.subject.of_agent) return shell_word(told.subject.agent);
    return has_examples ? shell_word(label_of(examples->items[0], *examples)) : "AGENT";
}

std::string for_each_agent(const Told& told) {
    const bool several = !told.subject.of_agent && told.group.number_of("count") > 1;
    return several ? ", and so for each of them" : "";
}

/// "; role ads has cpus 4, role prod has mem 1GB".
std::string holders_text(const JsonValue& group) {
    std::vector<std::string> list;
    if (const JsonValue* holders = group.find("holders")) {
        for (std::size_t i = 0; i < holders->names.size(); ++i) {
            list.push_back(fmt::format("role {} has {}", printable(holders->names[i]),
                                       amounts_text(read_amounts(&holders->items[i]))));
        }
    }
    return list.empty() ? "" : fmt::format("; {}", fmt::join(list, ", "));
}

CauseText paused(const Told&) {
    return {"the master offers nothing yet: after its failover it waits for its agents to be back",
            "wait for them, at most for the master's --allocator_recovery_timeout"};
}

CauseText framework_inactive(const Told& told) {
    const std::string id = told.subject.framework_id;
    return {told.who() + " is not connected",
            fmt::format("start its scheduler again, or remove it: tepui teardown {}",
                        id.empty() ? "FRAMEWORK" : shell_word(id))};
}

CauseText suppressed(const Told& told) {
    return {fmt::format("{} has suppressed offers for {}", told.who(), told.role()),
            "its scheduler has to call REVIVE"};
}

CauseText agent_inactive(const Told& told) {
    const std::string why = told.names_text();
    const std::string agent = agent_word(told);
    CauseText text{told.agent_is() + (why.empty() ? "not active" : why), ""};
    if (why == "draining") {
        text.way_out = fmt::format("wait for its end, then: tepui reactivate {}", agent);
        text.way_out += fmt::format("; or take it back: tepui drain --cancel {}", agent);
    } else if (why == "drained" || why == "deactivated") {
        text.way_out = fmt::format("tepui reactivate {}", agent);
    } else if (why == "disconnected") {
        text.way_out = fmt::format("wait until it is back, or start it again on {}", agent);
    } else {
        text.way_out = fmt::format("see why: tepui describe agent {}", agent);
    }
    text.way_out += for_each_agent(told);
    return text;
}

CauseText not_whitelisted(const Told& told) {
    return {told.agent_is() + "not on the master's whitelist",
            fmt::format("add {} to the master's --whitelist{}", agent_word(told),
                        for_each_agent(told))};
}

CauseText gpus(const Told& told) {
    return {fmt::format("GPUs are kept for frameworks with the capability GPU_RESOURCES, which {} "
                        "lacks",
                        told.who()),
            "let it subscribe with that, or start the master with --filter_gpu_resources=false"};
}

CauseText region(const Told& told) {
    return {fmt::format("{}in another region, and {} lacks the capability REGION_AWARE",
                        told.agent_is(), told.who()),
            "let it subscribe with that"};
}

CauseText constraint(const Told& told) {
    return {fmt::format("{}not what the offer constraints of {} for {} ask for", told.agent_is(),
                        told.who(), told.role()),
            "its scheduler has to change them (UPDATE_FRAMEWORK), or agents with other "
            "--attributes are needed"};
}

CauseText kept(const Told& told) {
    const std::string top = told.top_role();
    return {fmt::format("what is freed there is kept for role {}, which others make room for",
                        told.names_text()),
            fmt::format("wait until that role has it, or give another role its priority: tepui "
                        "priority set --dry-run {}=BAND",
                        top.empty() ? "ROLE" : shell_word(top))};
}

CauseText nothing_free(const Told& told) {
    const std::string top = told.top_role();
    return {"nothing is free" + holders_text(told.group),
            fmt::format("wait for tasks to end, add an agent, or let a role go first: tepui "
                        "priority set --dry-run {}=BAND",
                        top.empty() ? "ROLE" : shell_word(top))};
}

CauseText offered(const Told& told) {
    constexpr std::size_t shown_max = 3;
    std::vector<std::string> ids;
    std::vector<std::string> list;
    const JsonValue* offers = told.group.find("offers");
    const std::size_t count = offers == nullptr ? 0 : offers->names.size();
    for (std::size_t i = 0; i < std::min(count, shown_max); ++i) {
        ids.push_back(offers->names[i]);
        list.push_back(fmt::format("{} has {}", told.framework(ids.back()),
                                   amounts_text(read_amounts(&offers->items[i]))));
    }
    // Without names the command would take back everybody's.
    if (ids.empty())
        return {"what is free is in offers that were not answered yet", "tepui offer list"};
    if (count > shown_max) list.push_back(fmt::format("{} others have more", count - shown_max));
    if (count == 1 && ids[0] == told.subject.framework_id) {
        return {fmt::format("it is offered to {} already", told.who()),
                fmt::format("its scheduler has to use or decline that; or take it back: {}",
                            rescind_command(ids))};
    }
    return {fmt::format("what is free is in offers that were not answered yet: {}",
                        fmt::join(list, ", ")),
            "wait for the answers, or take them back: " + rescind_command(ids)};
}

/// What a command may call the agent of that id.
std::string word_of_agent(const Told& told, const std::string& id) {
    const JsonValue* examples = told.group.find("examples");
    if (told.subject.of_agent || examples == nullptr) return agent_word(told);
    const auto example = std::ranges::find_if(
        examples->items, [&](const JsonValue& each) { return each.text_of("id") == id; });
    return shell_word(example == examples->items.end() ? id : label_of(*example, *examples));
}

/// Calls give back what calls reserved. What an agent's --resources reserve is a part of what it
/// registered as: only as a new agent it may have others.
std::string reservation_end(const Told& told, const std::vector<std::string>& roles) {
    const JsonValue* by_call = told.group.find("dynamic_for");
    const JsonValue* by_flag = told.group.find("static_for");
    // A master that does not tell them apart leaves both out.
    if (by_call == nullptr || by_flag == nullptr) {
        return fmt::format("give it back: tepui unreserve --role {} {}; ",
                           roles.empty() ? "ROLE" : shell_word(roles[0]), agent_word(told));
    }
    std::string text;
    if (!by_call->names.empty()) {
        text = fmt::format("give it back: tepui unreserve --role {} {}; ",
                           shell_word(printable(by_call->names[0])),
                           word_of_agent(told, by_call->items[0].text));
    }
    if (!by_flag->names.empty()) {
        text += fmt::format(
            "what role {0} has is by the --resources of agent {1}: tepui drain {1}, start it once "
            "with --recover=cleanup, and again with others; ",
            printable(by_flag->names[0]), word_of_agent(told, by_flag->items[0].text));
    }
    return text;
}

CauseText reserved(const Told& told) {
    std::vector<std::string> roles;
    if (const JsonValue* list = told.group.find("reserved_for")) {
        for (const JsonValue& role : list->items) roles.push_back(printable(role.text));
    }
    return {fmt::format("what is free is reserved for {}{}",
                        roles.empty()       ? "other roles"
                        : roles.size() == 1 ? "role "
                                            : "roles ",
                        fmt::join(roles, ", ")),
            reservation_end(told, roles) + "or subscribe in such a role"};
}

CauseText capability(const Told& told) {
    const std::string names = told.names_text();
    return {fmt::format("what is free needs capabilities that {} lacks: {}", told.who(), names),
            "let it subscribe with " + names};
}

CauseText below_minimum(const Told& told) {
    const Quantities free = read_amounts(told.group.find("free"));
    const std::string amounts = free.empty() ? "" : fmt::format(" ({} in all)", amounts_text(free));
    return {fmt::format("what is free{} is less than an offer has to hold{}", amounts,
                        holders_text(told.group)),
            "wait for tasks to end, or let offers be smaller: the framework's offer_filters, the "
            "master's --min_allocatable_resources"};
}

CauseText quota_limit(const Told& told) {
    const std::string top = told.top_role();
    const std::string whose = top.empty() ? "its role" : fmt::format("role '{}'", top);
    const auto reached = told.names();
    std::string limits;
    for (const auto& [name, amount] : told.subject.limits) {
        const bool more = std::ranges::find(reached, name) != reached.end();
        limits += fmt::format("{}{}:{}", limits.empty() ? "" : ";", printable(name),
                              more ? "MORE" : to_string(amount));
    }
    CauseText text{fmt::format("limit of {} reached for {}", whose, told.names_text()), ""};
    if (top.empty()) {
        text.way_out = "raise it: tepui quota set ROLE --limit AMOUNTS";
    } else if (limits.empty()) {
        text.way_out = fmt::format(
            "raise it (tepui explain role {0}): tepui quota set {0} --limit "
            "AMOUNTS",
            shell_word(top));
    } else {
        text.way_out =
            fmt::format("raise it: tepui quota set {} --limit '{}'", shell_word(top), limits);
    }
    return text;
}

CauseText headroom(const Told& told) {
    std::vector<std::string> list;
    for (const auto& [role, lacking] : told.subject.kept_for) {
        list.push_back(fmt::format("role {} lacks {}", role, amounts_text(lacking)));
    }
    const std::string other =
        told.subject.kept_for.empty() ? "ROLE" : shell_word(told.subject.kept_for[0].first);
    const std::string top = told.top_role();
    return {fmt::format("{} kept free for what other roles are guaranteed{}{}", told.names_text(),
                        list.empty() ? "" : ": ", fmt::join(list, ", ")),
            fmt::format("lower that guarantee: tepui quota set {} --guarantee AMOUNTS; or give one "
                        "here: tepui quota set {} --guarantee AMOUNTS",
                        other, top.empty() ? "ROLE" : shell_word(top))};
}

CauseText declined(const Told& told) {
    const JsonValue* ends = told.group.find("filters_end_secs");
    const std::string by = told.who() + " declined such an offer";
    if (ends == nullptr || ends->items.size() != 2) {
        return {by, "wait until its filters end; or its scheduler has to call REVIVE"};
    }
    const std::string first = span_text(std::strtod(ends->items[0].text.c_str(), nullptr));
    const std::string last = span_text(std::strtod(ends->items[1].text.c_str(), nullptr));
    const std::string when = first == last ? first : fmt::format("{} to {}", first, last);
    return {
        fmt::format("{}; its filters end in {}", by, when),
        fmt::format("wait {} until its filters end; or its scheduler has to call REVIVE", last)};
}

CauseText shared_in_turn(const Told&) {
    return {"only shared volumes are left, and those were offered already",
            "wait: they are offered again when something changes on the agent"};
}

struct Row {
    std::string_view cause;
    CauseText (*say)(const Told&);
};

constexpr std::array<Row, 18> k_rows = {{
    {"paused", paused},
    {"framework_inactive", framework_inactive},
    {"suppressed", suppressed},
    {"agent_inactive", agent_inactive},
    {"not_whitelisted", not_whitelisted},
    {"gpus", gpus},
    {"region", region},
    {"constraint", constraint},
    {"kept", kept},
    {"nothing_free", nothing_free},
    {"offered", offered},
    {"reserved", reserved},
    {"capability", capability},
    {"below_minimum", below_minimum},
    {"quota_limit", quota_limit},
    {"headroom", headroom},
    {"declined", declined},
    {"shared_in_turn", shared_in_turn},
}};

/// " (n1, n2, n3 ...)".
std::string examples_text(const JsonValue& group, const ExplainSubject& subject) {
    const JsonValue* examples = group.find("examples");
    if (examples == nullptr || examples->items.empty()) return "";
    std::vector<std::string> list;
    for (const JsonValue& example : examples->items) {
        if (!subject.of_agent) {
            list.push_back(printable(label_of(example, *examples)));
            continue;
        }
        const std::string id = example.text_of("id");
        const auto name = subject.framework_names.find(id);
        const std::string shown = name == subject.framework_names.end() ? id : name->second;
        list.push_back(
            fmt::format("{} in role {}", printable(shown), printable(example.text_of("name"))));
    }
    const bool more = group.number_of("count") > static_cast<double>(list.size());
    return fmt::format(" ({}{})", fmt::join(list, ", "), more ? " ..." : "");
}

std::span<const JsonValue> causes_of(const JsonValue& group) {
    const JsonValue* causes = group.find("causes");
    return causes == nullptr ? std::span<const JsonValue>{} : causes->items;
}

}  // namespace

CauseText cause_text(const JsonValue& cause, const JsonValue& group,
                     const ExplainSubject& subject) {
    const std::string name = cause.text_of("cause");
    const auto row = std::ranges::find(k_rows, name, &Row::cause);
    if (row == k_rows.end()) return {printable(name), ""};
    return row->say(Told{cause, group, subject});
}

std::string class_text(const JsonValue& group, const ExplainSubject& subject) {
    const auto causes = causes_of(group);
    std::string text =
        count_text(group.number_of("count"), subject.of_agent ? "framework" : "agent") +
        examples_text(group, subject) + ": ";
    if (causes.empty()) {
        return text + fmt::format("may be offered at the next allocation: {}\n",
                                  amounts_text(read_amounts(group.find("offerable"))));
    }
    std::vector<std::string> reasons;
    std::string ways;
    for (const JsonValue& cause : causes) {
        CauseText said = cause_text(cause, group, subject);
        reasons.push_back(std::move(said.why));
        if (!said.way_out.empty()) ways += fmt::format("    -> {}\n", said.way_out);
    }
    return text + fmt::format("{}\n", fmt::join(reasons, "; ")) + ways;
}

std::string class_causes(const JsonValue& group) {
    std::string text;
    for (const JsonValue& cause : causes_of(group)) {
        std::string name = cause.text_of("cause");
        std::ranges::replace(name, '_', ' ');
        text += (text.empty() ? "" : ", ") + name;
    }
    return text;
}

}  // namespace tepui::cli
