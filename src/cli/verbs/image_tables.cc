#include "cli/verbs/image_tables.h"

#include <algorithm>

#include <fmt/core.h>

#include "cli/view/text.h"

namespace tepui::cli {

namespace {

using Align = Table::Align;
using Tone = Table::Tone;

constexpr double megabyte = 1024.0 * 1024.0;

std::string bytes_text(const JsonValue& image, std::string_view member) {
    return format_megabytes(image.number_of(member) / megabyte);
}

/// "sha256:0123456789ab".
std::string short_digest(const std::string& digest) { return digest.substr(0, 7 + 12); }

Table::Cell state_cell(const JsonValue& image) {
    const std::string state = image.text_of("state");
    if (state == "FAILED") return {state, Tone::bad};
    if (state == "STORED") return state;
    const double all = image.number_of("bytes");
    const double done = image.number_of("bytes_done");
    if (all <= 0) return {state, Tone::warning};
    return {fmt::format("{} {:.0f}%", state, 100 * done / all), Tone::warning};
}

std::string json_of(const std::string& id, const AgentAnswer& agent, const JsonValue& image) {
    JsonValue whole = image;
    const auto put_first = [&](const char* name, const std::string& text) {
        whole.names.insert(whole.names.begin(), name);
        whole.items.insert(whole.items.begin(), {JsonValue::Kind::string, text, {}, {}});
    };
    put_first("hostname", agent.hostname);
    put_first("agent_id", id);
    return to_json(whole);
}

std::vector<Table::Cell> row_of(const AgentAnswer& agent, const JsonValue& image, double now,
                                bool wide) {
    const std::string digest = image.text_of("digest");
    std::vector<Table::Cell> row{printable(image.text_of("name")),
                                 wide ? digest : short_digest(digest),
                                 agent.hostname,
                                 state_cell(image),
                                 bytes_text(image, "bytes"),
                                 fmt::format("{:.0f}", image.number_of("layers")),
                                 fmt::format("{:.0f}", image.number_of("layers_shared"))};
    const double used = image.number_of("used_at");
    const JsonValue* users = image.find("used_by");
    const bool in_use = users != nullptr && !users->items.empty();
    row.emplace_back(in_use ? "now" : used > 0 ? age_text(used, now) : "");
    if (wide) row.emplace_back(time_text(image.number_of("pulled_at")));
    if (wide) row.emplace_back(printable(image.text_of("error")));
    return row;
}

}  // namespace

Listing list_images(const std::map<std::string, AgentAnswer>& agents, double now, bool wide) {
    Listing listing;
    listing.columns = {{"NAME"},
                       {"DIGEST"},
                       {"AGENT"},
                       {"STATE"},
                       {"SIZE", Align::right},
                       {"LAYERS", Align::right},
                       {"SHARED", Align::right},
                       {"USED"}};
    if (wide) listing.columns.insert(listing.columns.end(), {{"PULLED"}, {"ERROR"}});
    std::vector<std::pair<std::string, Listed>> rows;
    for (const auto& [id, agent] : agents) {
        const JsonValue* images = agent.answer ? agent.answer->find("images") : nullptr;
        if (images == nullptr) continue;
        for (const JsonValue& image : images->items) {
            const std::string name = image.text_of("name");
            const std::string digest = image.text_of("digest");
            rows.emplace_back(name + '\n' + agent.hostname + '\n' + id,
                              Listed{name.empty() ? digest : name, digest,
                                     row_of(agent, image, now, wide), json_of(id, agent, image)});
        }
    }
    std::ranges::sort(rows, {}, [](const auto& row) -> const std::string& { return row.first; });
    for (auto& [key, listed] : rows) listing.items.push_back(std::move(listed));
    return listing;
}

PullState pull_state(const JsonValue& images, const std::string& name) {
    using Phase = PullState::Phase;
    PullState state;
    const JsonValue* list = images.find("images");
    if (list == nullptr) return state;
    for (const JsonValue& image : list->items) {
        if (image.text_of("name") != name) continue;
        const std::string told = image.text_of("state");
        if (told == "PULLING") {
            // Of a name that is known already the old image is listed too.
            const double layers = image.number_of("layers");
            if (layers <= 0) return {Phase::pulling, "asking the registry"};
            return {
                Phase::pulling,
                fmt::format("{:.0f} of {:.0f} layers, {} of {}", image.number_of("layers_ready"),
                            layers, bytes_text(image, "bytes_done"), bytes_text(image, "bytes"))};
        }
        if (told == "FAILED") {
            state = {Phase::failed, image.text_of("error")};
        } else if (state.phase == Phase::missing) {
            state = {Phase::stored,
                     fmt::format("{}, {:.0f} layers, {}", image.text_of("digest"),
                                 image.number_of("layers"), bytes_text(image, "bytes"))};
        }
    }
    return state;
}

}  // namespace tepui::cli
