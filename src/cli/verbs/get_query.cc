#include "cli/verbs/get_query.h"

#include <fmt/core.h>

namespace tepui::cli {

namespace {

using Call = mesos::v1::master::Call;
using Kind = OutputFormat::Kind;

/// What a row is compared by: what a person would see of it.
std::string shown(const Listed& item, const OutputFormat& format) {
    if (format.kind != Kind::table && format.kind != Kind::wide) return item.json;
    std::string text;
    for (const auto& cell : item.row) text += cell.text + '\n';
    return text;
}

}  // namespace

const std::vector<std::string>& get_kinds() {
    static const std::vector<std::string> kinds = {"agents",    "frameworks", "tasks",
                                                   "executors", "offers",     "roles"};
    return kinds;
}

asio::awaitable<Result<ClusterView>> load_view(MasterApi& master, std::string kind) {
    ClusterView view;
    if (kind == "roles") {
        TEPUI_CO_ASSIGN(view.roles, co_await master.call(Call::GET_ROLES));
        co_return view;
    }
    if (kind != "frameworks") {
        TEPUI_CO_ASSIGN(view.agents, co_await master.call(Call::GET_AGENTS));
    }
    if (kind != "agents") {
        TEPUI_CO_ASSIGN(view.frameworks, co_await master.call(Call::GET_FRAMEWORKS));
    }
    if (kind == "tasks" || kind == "frameworks" || kind == "executors") {
        TEPUI_CO_ASSIGN(view.tasks, co_await master.call(Call::GET_TASKS));
    }
    if (kind == "executors") {
        TEPUI_CO_ASSIGN(view.executors, co_await master.call(Call::GET_EXECUTORS));
    }
    co_return view;
}

Result<Listing> list_view(const ClusterView& view, const GetQuery& query) {
    const bool wide = query.format.kind == Kind::wide;
    const auto all_rows = [&]() -> Listing {
        if (query.kind == "agents") return list_agents(view, wide);
        if (query.kind == "frameworks") return list_frameworks(view, wide, query.all);
        if (query.kind == "tasks") return list_tasks(view, wide, query.all);
        if (query.kind == "executors") return list_executors(view, wide);
        if (query.kind == "offers") return list_offers(view, wide);
        return list_roles(view, wide);
    };
    return select(all_rows(), query.wanted, query.kind);
}

Result<std::string> render_listing(const Listing& listing, const OutputFormat& format, bool color) {
    std::string text;
    if (format.kind == Kind::name) {
        for (const Listed& item : listing.items) text += item.id + '\n';
        return text;
    }
    if (format.kind == Kind::table || format.kind == Kind::wide) {
        Table table(listing.columns);
        for (const Listed& item : listing.items) table.add(item.row);
        return table.render(color);
    }
    for (const Listed& item : listing.items) text += (text.empty() ? "" : ",\n ") + item.json;
    return format_json(format, "[" + text + "]");
}

Outcome print_listing(const Console& console, const Listing& listing, const OutputFormat& format,
                      const std::string& what, std::string_view none) {
    const bool table = format.kind == Kind::table || format.kind == Kind::wide;
    if (listing.items.empty() && table) {
        console.err(fmt::format("tepui: {}\n", none));
        return 0;
    }
    const auto text = render_listing(listing, format, console.color);
    if (!text) return give_up(what, text.error());
    console.out(*text);
    return 0;
}

Result<Listing> WatchedRows::changed(const ClusterView& view) {
    GetQuery wide_query = query_;
    wide_query.all = true;
    if (looked_) wide_query.wanted.clear();
    const Listing chosen = TEPUI_TRY(list_view(view, query_));
    std::set<std::string> alive;
    for (const Listed& item : chosen.items) alive.insert(item.id);
    Listing everything = TEPUI_TRY(list_view(view, wide_query));
    Listing changed{std::move(everything.columns), {}};
    for (Listed& item : everything.items) {
        const auto before = seen_.find(item.id);
        if (before == seen_.end() && !alive.contains(item.id)) continue;
        std::string now = shown(item, query_.format);
        if (before != seen_.end() && before->second == now) continue;
        seen_[item.id] = std::move(now);
        changed.items.push_back(std::move(item));
    }
    looked_ = true;
    return changed;
}

}  // namespace tepui::cli
