#include <fmt/core.h>

#include "cli/output/format.h"
#include "cli/suggest.h"
#include "cli/table.h"
#include "cli/verbs/change.h"
#include "cli/verbs/get_query.h"
#include "cli/verbs/verbs.h"
#include "cli/view/page.h"
#include "cli/view/text.h"
#include "wire/json.h"

namespace tepui::cli {

namespace {

using Call = mesos::v1::master::Call;
using Kind = OutputFormat::Kind;
using Response = mesos::v1::master::Response;

const mesos::v1::Role* find_role(const Response& roles, const std::string& name) {
    for (const auto& role : roles.get_roles().roles()) {
        if (role.name() == name) return &role;
    }
    return nullptr;
}

std::string page_of(const mesos::v1::Role& role, const Response& frameworks, const Response& quotas,
                    const Priorities& priorities, bool color) {
    Page page;
    page.field("Role", role.name());
    page.field("Weight", number_text(role.weight()));
    const auto priority = priorities.find(role.name().substr(0, role.name().find('/')));
    if (priority != priorities.end()) page.field("Priority", std::to_string(priority->second));
    for (const auto& config : quotas.get_quota().status().configs()) {
        if (config.role() != role.name().substr(0, role.name().find('/'))) continue;
        if (!has_quota(config)) continue;
        page.field("Guarantee", amounts_text(amounts_of(config.guarantees())));
        page.field("Limit", amounts_text(amounts_of(config.limits())));
    }
    page.field("Allocated", resources_text(role.resources()));
    Table table({{"FRAMEWORK"}, {"NAME"}, {"STATE"}});
    for (const auto& id : role.frameworks()) {
        for (const auto& framework : frameworks.get_frameworks().frameworks()) {
            if (framework.framework_info().id().value() != id.value()) continue;
            table.add({id.value(), framework.framework_info().name(),
                       framework_state_cell(framework, /*completed=*/false)});
        }
    }
    page.section("Frameworks", table, color, "none");
    return page.render(color);
}

asio::awaitable<Outcome> show(MasterApi& master, const Console& console, const Parsed& parsed,
                              OutputFormat format) {
    auto roles = co_await master.call(Call::GET_ROLES);
    if (!roles) co_return master_failure("role", master, roles.error());
    const std::string& name = parsed.words[0];
    const mesos::v1::Role* role = find_role(*roles, name);
    if (role == nullptr) {
        std::vector<std::string> names;
        for (const auto& known : roles->get_roles().roles()) names.push_back(known.name());
        const auto near = nearest(name, names);
        co_return give_up("role",
                          Error{Errc::not_found,
                                fmt::format("no framework, weight, quota or reservation has a role "
                                            "'{}'{}",
                                            name, near ? "; did you mean '" + *near + "'?" : "")},
                          "tepui role");
    }
    if (format.kind != Kind::table && format.kind != Kind::wide && format.kind != Kind::name) {
        const auto text = format_json(format, wire::message_to_json(*role));
        if (!text) co_return give_up("role", text.error());
        console.out(*text);
        co_return 0;
    }
    auto frameworks = co_await master.call(Call::GET_FRAMEWORKS);
    if (!frameworks) co_return master_failure("role", master, frameworks.error());
    auto quotas = co_await master.call(Call::GET_QUOTA);
    if (!quotas) co_return master_failure("role", master, quotas.error());
    auto priorities = co_await ask_priorities(master);
    if (!priorities) co_return master_failure("role", master, priorities.error());
    console.out(format.kind == Kind::name
                    ? name + '\n'
                    : page_of(*role, *frameworks, *quotas, *priorities, console.color));
    co_return 0;
}

asio::awaitable<Outcome> list(MasterApi& master, const Console& console, OutputFormat format) {
    GetQuery query;
    query.kind = "roles";
    query.format = std::move(format);
    auto view = co_await load_view(master, query.kind);
    if (!view) co_return master_failure("role", master, view.error());
    const auto listing = list_view(*view, query);
    if (!listing) co_return give_up("role", listing.error());
    co_return print_listing(console, *listing, query.format, "role", "there are no roles");
}

Outcome run(const Console& console, const Parsed& parsed) {
    const auto format = OutputFormat::parse(parsed.value("output"));
    if (!format) return usage_failure("role", format.error().text);
    return with_master(parsed, "role",
                       [&](http::Client&, MasterApi& master) -> asio::awaitable<Outcome> {
                           Outcome outcome;
                           if (parsed.words.empty()) {
                               outcome = co_await list(master, console, *format);
                           } else {
                               outcome = co_await show(master, console, parsed, *format);
                           }
                           co_return outcome;
                       });
}

}  // namespace

Verb role_verb() {
    Verb verb;
    verb.manual.name = "role";
    verb.manual.summary = "who shares the cluster: roles with their weight, quota and use";
    verb.manual.synopsis = {"role [OPTION]... [NAME]"};
    verb.manual.description = {
        "Without NAME a list, as tepui get roles; with NAME that role: its weight, the quota it is "
        "under, what its frameworks hold.",
    };
    verb.manual.examples = {{"tepui role", "all of them"}, {"tepui role prod/web", "one"}};
    verb.flags.flags = {output_flag(), master_flag()};
    verb.flags.words_max = 1;
    verb.offers = {{"@roles"}};
    verb.run = run;
    return verb;
}

}  // namespace tepui::cli
