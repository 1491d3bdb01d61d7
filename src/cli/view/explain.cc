#include "cli/view/explain.h"

#include <cmath>
#include <span>

#include <fmt/core.h>
#include <fmt/ranges.h>

#include "cli/table.h"
#include "cli/view/explain_causes.h"
#include "cli/view/explain_text.h"
#include "cli/view/sharing.h"
#include "cli/view/text.h"

namespace tepui::cli {

namespace {

using Align = Table::Align;
using Tone = Table::Tone;

std::span<const JsonValue> list_of(const JsonValue& object, std::string_view name) {
    const JsonValue* list = object.find(name);
    return list == nullptr ? std::span<const JsonValue>{} : list->items;
}

bool flag_of(const JsonValue& object, std::string_view name) {
    return object.text_of(name) == "true";
}

std::string shown(const JsonValue& object, std::string_view name) {
    return printable(object.text_of(name));
}

/// "1st", "2nd", "11th".
std::string ordinal(double number) {
    const auto value = static_cast<std::int64_t>(number);
    const bool teen = value % 100 / 10 == 1;
    const char* ending = teen              ? "th"
                         : value % 10 == 1 ? "st"
                         : value % 10 == 2 ? "nd"
                         : value % 10 == 3 ? "rd"
                                           : "th";
    return fmt::format("{}{}", value, ending);
}

std::string share_text(const JsonValue& object) {
    return "share " + number_text(std::round(object.number_of("share") * 100) / 100);
}

std::string place_text(const JsonValue& object) {
    return fmt::format("{} of {}", ordinal(object.number_of("position")),
                       number_text(object.number_of("competitors")));
}

/// "role ads: weight 2, share 0.31, 2nd of 4, holds cpus:3, guaranteed cpus:4, lacks cpus:1".
std::string standing_text(const JsonValue& standing) {
    std::string text = fmt::format("role {}: weight {}, {}", shown(standing, "role"),
                                   number_text(standing.number_of("weight")), share_text(standing));
    text += standing.number_of("position") > 0 ? ", " + place_text(standing) : ", nobody asks";
    for (const auto& [member, word] : {std::pair{"allocated", "holds"},
                                       {"guarantees", "guaranteed"},
                                       {"lacking", "lacks"},
                                       {"limits", "limited to"}}) {
        const Quantities amounts = read_amounts(standing.find(member));
        if (!amounts.empty()) text += fmt::format(", {} {}", word, flag_amounts(amounts));
    }
    const Quantities consumed = read_amounts(standing.find("consumed"));
    const bool limited = !read_amounts(standing.find("limits")).empty();
    if (limited && !consumed.empty())
        text += fmt::format(" of which {} are taken", flag_amounts(consumed));
    return text;
}

std::string standings_text(std::span<const JsonValue> standings) {
    std::string text;
    for (const JsonValue& standing : standings) text += standing_text(standing) + '\n';
    return text;
}

/// "framework web (F1) holds offers of 2 agents (cpus 4), the oldest for 34 s: tepui ...".
std::string holder_text(const JsonValue& holder) {
    return fmt::format(
        "{} holds offers of {} ({}), the oldest for {}: {}\n",
        framework_text(holder.text_of("framework_id"), holder.text_of("framework_name")),
        count_text(holder.number_of("agents"), "agent"),
        amounts_text(read_amounts(holder.find("amounts"))),
        span_text(holder.number_of("oldest_secs")),
        rescind_command({holder.text_of("framework_id")}));
}

std::string holders_text(std::span<const JsonValue> holders, const std::string& heading,
                         const std::string& left_out = "") {
    std::string text;
    for (const JsonValue& holder : holders) {
        if (holder.text_of("framework_id") != left_out) text += "  " + holder_text(holder);
    }
    return text.empty() ? "" : fmt::format("\n{}:\n{}", heading, text);
}

/// Names of frameworks by id, from wherever the body gives them.
std::map<std::string, std::string> names_of(const JsonValue& body) {
    std::map<std::string, std::string> names;
    for (const std::string_view list : {"clients", "hoarders", "used", "offered"}) {
        for (const JsonValue& item : list_of(body, list)) {
            const std::string name = item.text_of("framework_name");
            if (!name.empty()) names[item.text_of("framework_id")] = name;
        }
    }
    return names;
}

/// The limits of the role's quota, which is that of the role at the top.
Quantities limits_of(std::span<const JsonValue> standings) {
    for (const JsonValue& standing : standings) {
        const bool at_top = standing.text_of("role").find('/') == std::string::npos;
        if (at_top) return read_amounts(standing.find("limits"));
    }
    return {};
}

ExplainSubject subject_of(const JsonValue& client, Quantities limits,
                          const std::map<std::string, std::string>& names) {
    ExplainSubject subject;
    subject.framework_id = client.text_of("framework_id");
    subject.role = printable(client.text_of("role"));
    subject.limits = std::move(limits);
    for (const JsonValue& kept : list_of(client, "kept_for")) {
        subject.kept_for.emplace_back(shown(kept, "role"), read_amounts(kept.find("lacking")));
    }
    subject.framework_names = names;
    return subject;
}

std::string examined_text(const JsonValue& object, std::string_view total, std::string_view what) {
    const double all = object.number_of(total);
    const double examined = object.number_of("examined");
    if (examined >= all) return "";
    return fmt::format("  {:.0f} of {:.0f} {} were looked at, evenly spread\n", examined, all,
                       what);
}

/// A framework in a role: its place, and what each class of agents lacks.
std::string client_text(const JsonValue& client, const ExplainSubject& subject) {
    std::string text = fmt::format(
        "\n{} in role {}:", framework_text(subject.framework_id, client.text_of("framework_name")),
        subject.role);
    if (!flag_of(client, "active")) text += " not connected,";
    if (flag_of(client, "suppressed")) text += " suppressed,";
    if (client.number_of("position") > 0) text += fmt::format(" {},", place_text(client));
    text += ' ' + share_text(client);
    const Quantities held = read_amounts(client.find("allocated"));
    if (!held.empty()) text += ", holds " + flag_amounts(held);
    const double filters = client.number_of("filters");
    if (filters > 0) text += ", " + count_text(filters, "filter");
    text += '\n';
    const auto classes = list_of(client, "classes");
    if (classes.empty()) text += "  there are no agents\n";
    for (const JsonValue& group : classes) text += "  " + class_text(group, subject);
    return text + examined_text(client, "agents", "agents");
}

void add_rows(Table& table, const JsonValue& client) {
    for (const JsonValue& group : list_of(client, "classes")) {
        const std::string causes = class_causes(group);
        const Quantities free = read_amounts(group.find("free"));
        table.add({shown(client, "framework_name"), shown(client, "role"),
                   number_text(group.number_of("count")),
                   causes.empty() ? Table::Cell("none", Tone::good) : Table::Cell(causes),
                   amounts_text(free)});
    }
}

/// The table of all clients' classes, then what is to be said of each.
std::string clients_text(const JsonValue& body, const std::map<std::string, Quantities>& limits,
                         bool color) {
    Table table({{"FRAMEWORK"}, {"ROLE"}, {"AGENTS", Align::right}, {"IN THE WAY"}, {"FREE"}});
    std::string text;
    const auto names = names_of(body);
    for (const JsonValue& client : list_of(body, "clients")) {
        add_rows(table, client);
        const auto found = limits.find(client.text_of("role"));
        text += client_text(
            client,
            subject_of(client, found == limits.end() ? Quantities{} : found->second, names));
    }
    return (table.empty() ? "" : '\n' + table.render(color)) + text;
}

/// "role db cpus 1, role web mem 1GB".
std::string by_role_text(const JsonValue* roles) {
    std::vector<std::string> list;
    for (std::size_t i = 0; roles != nullptr && i < roles->names.size(); ++i) {
        const Quantities amounts = read_amounts(&roles->items[i]);
        if (amounts.empty()) continue;
        list.push_back(
            fmt::format("{} for role {}", amounts_text(amounts), printable(roles->names[i])));
    }
    return fmt::format("{}", fmt::join(list, "; "));
}

std::string agent_head(const JsonValue& body, const JsonValue& agent) {
    std::string state = shown(agent, "why_inactive");
    if (state.empty()) state = flag_of(agent, "deactivated") ? "deactivated" : "active";
    const JsonValue* listed = agent.find("whitelisted");
    if (listed != nullptr && listed->text == "false") state += ", not on the master's whitelist";
    std::string text =
        fmt::format("agent {} ({}): {}\n", shown(agent, "hostname"), shown(agent, "id"), state);
    text +=
        fmt::format("it has {}, of which {} free\n", amounts_text(read_amounts(body.find("total"))),
                    amounts_text(read_amounts(body.find("free"))));
    const std::string reserved = by_role_text(body.find("reserved"));
    if (!reserved.empty()) text += fmt::format("reserved: {}\n", reserved);
    for (const JsonValue& user : list_of(body, "used")) {
        text += fmt::format(
            "{} uses {}\n",
            framework_text(user.text_of("framework_id"), user.text_of("framework_name")),
            amounts_text(read_amounts(user.find("amounts"))));
    }
    return text;
}

/// What the frameworks of a class have in common, as far as its examples are all there are.
ExplainSubject subject_at(const JsonValue& group, const JsonValue& agent,
                          const std::map<std::string, std::string>& names) {
    ExplainSubject subject;
    subject.of_agent = true;
    subject.agent = agent.text_of("hostname");
    if (subject.agent.empty()) subject.agent = agent.text_of("id");
    subject.framework_names = names;
    const auto examples = list_of(group, "examples");
    if (examples.empty() || static_cast<double>(examples.size()) < group.number_of("count")) {
        return subject;
    }
    subject.framework_id = examples[0].text_of("id");
    subject.role = shown(examples[0], "name");
    for (const JsonValue& example : examples) {
        if (example.text_of("id") != subject.framework_id) subject.framework_id.clear();
        if (shown(example, "name") != subject.role) subject.role.clear();
    }
    return subject;
}

}  // namespace

std::string explain_role_page(const JsonValue& body, bool color) {
    const auto standings = list_of(body, "standings");
    const std::string role = body.text_of("role");
    std::string text = standings_text(standings);
    const double band = body.number_of("band");
    if (band != 0) text += fmt::format("priority {:.0f}\n", band);
    const auto clients = list_of(body, "clients");
    const double total = body.number_of("clients_total");
    if (clients.empty()) {
        text += fmt::format("no framework is subscribed in role {}\n", printable(role));
    } else if (static_cast<double>(clients.size()) < total) {
        text +=
            fmt::format("the first {} of {:.0f} frameworks, in the order in which they are asked\n",
                        clients.size(), total);
    }
    text += clients_text(body, {{role, limits_of(standings)}}, color);
    return text + holders_text(list_of(body, "hoarders"), "Offers that nobody answered yet");
}

std::string explain_framework_page(const JsonValue& body, bool color) {
    const JsonValue none;
    const JsonValue* found = body.find("framework");
    const JsonValue& framework = found == nullptr ? none : *found;
    const std::string id = framework.text_of("id");
    std::string text = fmt::format("{}: {}\n", framework_text(id, framework.text_of("name")),
                                   flag_of(framework, "active") ? "connected" : "not connected");
    std::map<std::string, Quantities> limits;
    if (const JsonValue* roles = body.find("standings")) {
        for (std::size_t i = 0; i < roles->names.size(); ++i) {
            limits[roles->names[i]] = limits_of(roles->items[i].items);
            text += standings_text(roles->items[i].items);
        }
    }
    if (list_of(body, "clients").empty()) text += "it is subscribed in no role\n";
    const JsonValue* own = body.find("offers");
    if (own != nullptr && own->kind == JsonValue::Kind::object) text += holder_text(*own);
    text += clients_text(body, limits, color);
    return text +
           holders_text(list_of(body, "hoarders"), "Others' offers that nobody answered yet", id);
}

std::string explain_agent_page(const JsonValue& body, bool color) {
    const JsonValue none;
    const JsonValue* found = body.find("agent");
    const JsonValue& agent = found == nullptr ? none : *found;
    const auto names = names_of(body);
    Table table({{"FRAMEWORKS", Align::right}, {"IN THE WAY"}, {"OFFERABLE"}});
    std::string sentences;
    for (const JsonValue& group : list_of(body, "classes")) {
        const std::string causes = class_causes(group);
        table.add({number_text(group.number_of("count")),
                   causes.empty() ? Table::Cell("none", Tone::good) : Table::Cell(causes),
                   amounts_text(read_amounts(group.find("offerable")))});
        sentences += "  " + class_text(group, subject_at(group, agent, names));
    }
    std::string text = agent_head(body, agent);
    text += table.empty() ? "no framework is subscribed\n" : '\n' + table.render(color) + '\n';
    text += sentences + examined_text(body, "clients_total", "frameworks");
    return text + holders_text(list_of(body, "offered"), "Offers that nobody answered yet");
}

}  // namespace tepui::cli
