#include <fmt/core.h>

#include "cli/output/format.h"
#include "cli/verbs/change.h"
#include "cli/verbs/verbs.h"
#include "cli/view/explain.h"
#include "http/message.h"

namespace tepui::cli {

namespace {

using Kind = OutputFormat::Kind;

Result<void> check_output(std::string_view text) {
    if (text == "text") return {};
    const auto format = OutputFormat::parse(text);
    if (!format && text.starts_with("jsonpath=")) return std::unexpected(format.error());
    const bool shows_json = format && (format->kind == Kind::json || format->kind == Kind::yaml ||
                                       format->kind == Kind::jsonpath);
    if (shows_json) return {};
    return fail(Errc::invalid_argument, "'{}' is none of text, json, yaml and jsonpath=TEMPLATE",
                text);
}

Flag text_or_json_flag() {
    Flag flag;
    flag.name = "output";
    flag.letter = 'o';
    flag.value_name = "FORMAT";
    flag.fallback = "text";
    flag.help = "text, json (what the master answers, as it is), yaml, or jsonpath=TEMPLATE.";
    flag.offers = {"text", "json", "yaml", "jsonpath="};
    flag.check = check_output;
    return flag;
}

std::string page_of(const std::string& kind, const JsonValue& body, bool color) {
    if (kind == "role") return explain_role_page(body, color);
    if (kind == "framework") return explain_framework_page(body, color);
    return explain_agent_page(body, color);
}

asio::awaitable<Outcome> show(MasterApi& master, const Console& console, const Parsed& parsed) {
    const std::string& kind = parsed.words[0];
    const std::string what = "explain " + kind;
    const std::string next = fmt::format("tepui get {}s", kind);
    http::ClientRequest request;
    request.url.target =
        fmt::format("/tepui/explain?{}={}", kind, http::percent_encode(parsed.words[1]));
    auto body = co_await master.ask(std::move(request));
    if (!body) co_return ask_failure(what, what, master, body.error(), next);
    if (parsed.value("output") != "text") {
        const auto format = OutputFormat::parse(parsed.value("output"));
        if (!format) co_return usage_failure("explain", format.error().text);
        const auto text = format_json(*format, *body);
        if (!text) co_return give_up(what, text.error());
        console.out(*text);
        co_return 0;
    }
    const auto answer = parse_json(*body);
    if (!answer) co_return give_up(what, answer.error());
    console.out(page_of(kind, *answer, console.color));
    co_return 0;
}

Outcome run(const Console& console, const Parsed& parsed) {
    if (parsed.words.empty()) {
        return usage_failure("explain", "name a kind (role, framework or agent) and one of them");
    }
    return run_sub_command(console, parsed, "explain",
                           {{"role", 1, "a role: role prod", show},
                            {"framework", 1, "a framework: framework web", show},
                            {"agent", 1, "an agent: agent box1", show}});
}

}  // namespace

Verb explain_verb() {
    Verb verb;
    verb.manual.name = "explain";
    verb.manual.summary = "why offers do not come, and what to do about it";
    verb.manual.synopsis = {"explain role|framework|agent [OPTION]... NAME"};
    verb.manual.description = {
        "Says what stands between frameworks and agents right now, by the rules that the next "
        "allocation follows: quota, filters, reservations, offer constraints, the whitelist, "
        "draining, offers that nobody answers. Agents with the same answer are told together, and "
        "each answer comes with a way out.",
        "Of a role also its place in the order and what its quota leaves it, and who sits on "
        "offers; of an agent what it has, who uses it, and what keeps it from each framework. "
        "Frameworks and agents are named by id, name or host.",
    };
    verb.manual.examples = {
        {"tepui explain framework web", "why does web get no offers?"},
        {"tepui explain role ads", "where does the role stand, and who holds what is free?"},
        {"tepui explain agent box1 -o json", "why does nobody use box1? For a script"}};
    verb.flags.flags = {text_or_json_flag(), master_flag()};
    verb.flags.words_max = 2;
    verb.offers = {{"role", "framework", "agent"}, {"@kind"}};
    verb.run = run;
    return verb;
}

}  // namespace tepui::cli
