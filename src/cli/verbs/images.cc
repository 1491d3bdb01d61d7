#include <set>

#include <fmt/core.h>

#include "cli/client/agent_round.h"
#include "cli/client/find_object.h"
#include "cli/client/find_task.h"
#include "cli/verbs/common.h"
#include "cli/verbs/get_query.h"
#include "cli/verbs/image_tables.h"
#include "cli/verbs/verbs.h"

namespace tepui::cli {

namespace {

using Call = mesos::v1::master::Call;
using Kind = OutputFormat::Kind;
using Agents = mesos::v1::master::Response;

/// A pull that goes on at an agent.
struct Pulling {
    std::string hostname;
    std::string address;
    std::string image;  // As the agent knows it.
    std::string told;   // What was said of it last.
    bool ended = false;
};

/// Leaves the agents that are named; all when none is.
Result<Agents> choose_agents(Agents agents, const std::vector<std::string>& wanted) {
    if (wanted.empty()) return agents;
    Agents chosen;
    std::set<std::string> taken;
    for (const std::string& each : wanted) {
        const auto agent = TEPUI_TRY(find_agent(agents, each));
        if (taken.insert(agent.agent_info().id().value()).second)
            *chosen.mutable_get_agents()->add_agents() = agent;
    }
    return chosen;
}

asio::awaitable<Result<Agents>> load_agents(MasterApi& master, const Parsed& parsed) {
    Agents agents;
    TEPUI_CO_ASSIGN(agents, co_await master.call(Call::GET_AGENTS));
    co_return choose_agents(std::move(agents), parsed.list("agent"));
}

asio::awaitable<Outcome> list(http::Client& client, MasterApi& master, const Console& console,
                              const Parsed& parsed) {
    const auto format = OutputFormat::parse(parsed.value("output"));
    if (!format) co_return give_up("images", format.error(), "tepui help images");
    auto agents = co_await load_agents(master, parsed);
    if (!agents) co_return master_failure("images", master, agents.error());
    const auto answers = co_await ask_agents(client, *agents, "/images");
    for (const auto& [id, agent] : answers) {
        if (!agent.answer)
            console.err(fmt::format("tepui: {}: {}\n", agent.hostname, agent.answer.error().text));
    }
    const bool wide = format->kind == Kind::wide;
    const Listing listing = list_images(answers, wall_seconds(), wide);
    if (listing.items.empty() && (wide || format->kind == Kind::table)) {
        console.err("tepui: there are no images\n");
        co_return 0;
    }
    const auto text = render_listing(listing, *format, console.color);
    if (!text) co_return give_up("images", text.error());
    console.out(*text);
    co_return 0;
}

asio::awaitable<Result<Pulling>> begin_pull(http::Client& client, std::string hostname,
                                            std::string address, std::string image) {
    http::ClientRequest request;
    request.method = "POST";
    auto url = http::parse_url(address);
    if (!url) co_return std::unexpected(url.error());
    request.url = *url;
    request.url.target = "/images/pull?name=" + http::percent_encode(image);
    request.deadline = 15s;
    auto response = co_await client.request(std::move(request));
    if (!response) co_return fail_with(hostname, response.error());
    if (response->status != 202) co_return fail_with(hostname, status_error(*response));
    const std::string_view body = response->body ? std::string_view(*response->body) : "";
    const auto answer = parse_json(body);
    if (!answer) co_return fail_with(hostname, answer.error());
    co_return Pulling{std::move(hostname), std::move(address), answer->text_of("name"), {}};
}

/// Says how far each is. Fails with the first pull that failed.
asio::awaitable<Result<bool>> look_at(http::Client& client, std::vector<Pulling>& pulls,
                                      const Console& console) {
    using Phase = PullState::Phase;
    Result<bool> all_ended = true;
    for (Pulling& pull : pulls) {
        if (pull.ended) continue;
        AgentFiles agent(client, pull.address);
        const auto images = co_await agent.get("/images");
        PullState state{Phase::failed, images ? "" : images.error().text};
        if (images) state = pull_state(*images, pull.image);
        pull.ended = state.phase != Phase::pulling;
        if (!pull.ended && all_ended) all_ended = false;
        if (state.phase == Phase::missing) state.text = "the agent knows nothing of it any more";
        if (state.phase == Phase::missing || state.phase == Phase::failed)
            all_ended = fail(Errc::internal, "{}: {}: {}", pull.hostname, pull.image, state.text);
        if (std::exchange(pull.told, state.text) == state.text) continue;
        const std::string line = fmt::format("{}: {}: {}\n", pull.hostname, pull.image, state.text);
        (state.phase == Phase::stored ? console.out : console.err)(line);
    }
    co_return all_ended;
}

asio::awaitable<Outcome> pull(http::Client& client, MasterApi& master, const Console& console,
                              const Parsed& parsed) {
    auto agents = co_await load_agents(master, parsed);
    if (!agents) co_return master_failure("images", master, agents.error());
    std::vector<Pulling> pulls;
    std::optional<Error> failed;
    for (const auto& agent : agents->get_agents().agents()) {
        const auto address = agent_address(*agents, agent.agent_info().id().value());
        for (std::size_t i = 1; i < parsed.words.size() && address; ++i) {
            auto begun = co_await begin_pull(client, agent.agent_info().hostname(), *address,
                                             parsed.words[i]);
            if (begun)
                pulls.push_back(std::move(*begun));
            else if (!failed)
                failed = begun.error();
        }
    }
    if (pulls.empty() && !failed) failed = Error{Errc::not_found, "there are no agents"};
    while (!pulls.empty()) {
        const Result<bool> ended = co_await look_at(client, pulls, console);
        if (!ended && !failed) failed = ended.error();
        std::erase_if(pulls, [](const Pulling& each) { return each.ended; });
        if (pulls.empty()) break;
        asio::steady_timer timer(co_await asio::this_coro::executor, 200ms);
        boost::system::error_code ignored;
        co_await timer.async_wait(asio::redirect_error(asio::use_awaitable, ignored));
    }
    if (failed) co_return give_up("images pull", *failed, "tepui images -o wide");
    co_return 0;
}

Outcome run(const Console& console, const Parsed& parsed) {
    const std::string what = parsed.words.empty() ? "list" : parsed.words[0];
    const bool pulls = what == "pull";
    Error wrong{Errc::invalid_argument, ""};
    if (!pulls && what != "list")
        wrong.text = fmt::format("'{}' is neither list nor pull", what);
    else if (pulls && parsed.words.size() < 2)
        wrong.text = "name the image that is to be pulled";
    else if (!pulls && parsed.words.size() > 1)
        wrong.text = fmt::format("list takes no word ('{}')", parsed.words[1]);
    if (!wrong.text.empty()) return give_up("images", wrong, "tepui help images");
    return with_master(parsed, "images",
                       [&](http::Client& client, MasterApi& master) -> asio::awaitable<Outcome> {
                           Outcome outcome;
                           if (pulls) {
                               outcome = co_await pull(client, master, console, parsed);
                           } else {
                               outcome = co_await list(client, master, console, parsed);
                           }
                           co_return outcome;
                       });
}

}  // namespace

Verb images_verb() {
    Verb verb;
    verb.manual.name = "images";
    verb.manual.summary = "the images that agents have, and pull some ahead";
    verb.manual.synopsis = {"images [list] [-o FORMAT] [--agent AGENT]... [OPTION]...",
                            "images pull [--agent AGENT]... NAME..."};
    verb.manual.description = {
        "Lists the images in the stores of all agents, or of those that are named: their digest, "
        "size on disk, how many of their layers other images of the agent share, and when a "
        "container used them last. -o json prints what the agents' /images says of each.",
        "pull brings images to the agents before a task needs them: the registry is asked what the "
        "name means now, and what is missing is fetched. It waits until all are there, and fails "
        "when one is not; a pull goes on at its agent when this command is interrupted.",
    };
    verb.manual.examples = {
        {"tepui images", "what is where"},
        {"tepui images pull registry.example.com/web:7", "to every agent"},
        {"tepui images pull --agent host1 --agent host2 busybox", "to two of them"}};
    Flag agent;
    agent.name = "agent";
    agent.kind = FlagKind::list;
    agent.value_name = "AGENT";
    agent.help = "Only this agent: its host, or the beginning of its id. May be given again.";
    agent.offers = {"@agents"};
    verb.flags.flags = {agent, output_flag(), master_flag()};
    verb.flags.words_max = 100;
    verb.offers = {{"list", "pull"}};
    verb.run = run;
    return verb;
}

}  // namespace tepui::cli
