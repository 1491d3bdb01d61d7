#include "cli/complete.h"

#include <set>

#include "cli/client/master_api.h"
#include "cli/verbs/get_query.h"

namespace tepui::cli {

namespace {

asio::awaitable<void> collect(MasterApi& master, std::string kind, std::string prefix,
                              std::set<std::string>& out) {
    auto view = co_await load_view(master, kind);
    if (!view) co_return;
    GetQuery query;
    query.kind = kind;
    query.all = true;
    const auto listing = list_view(*view, query);
    if (!listing) co_return;
    for (const Listed& item : listing->items) {
        for (const std::string& word : {item.id, item.name}) {
            // A word that the shell would split is no help.
            const bool whole = word.find_first_of(" \t\n'\"\\$`&;|<>()*?[]{}") == std::string::npos;
            if (!word.empty() && whole && word.starts_with(prefix)) out.insert(word);
        }
    }
}

}  // namespace

std::vector<std::string> ask_candidates(const Candidates& candidates, const Console& console) {
    const auto& kinds = get_kinds();
    if (std::find(kinds.begin(), kinds.end(), candidates.kind) == kinds.end()) return {};
    FlagSet set;
    set.flags = {master_flag()};
    std::vector<std::string> arguments;
    if (!candidates.master.empty()) arguments = {"--master", candidates.master};
    const auto parsed = parse_flags(set, arguments, console.environment);
    if (!parsed) return {};
    const auto url = master_url(*parsed);
    if (!url) return {};
    std::set<std::string> words;
    asio::io_context loop(1);
    http::Client client(loop.get_executor());
    MasterApi master(client, *url);
    asio::co_spawn(loop, collect(master, candidates.kind, candidates.prefix, words),
                   [&loop](std::exception_ptr) { loop.stop(); });
    loop.run_for(1s);
    return {words.begin(), words.end()};
}

}  // namespace tepui::cli
