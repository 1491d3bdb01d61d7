#include "cli/output/jsonpath.h"

#include <algorithm>
#include <cstdlib>

#include "cli/output/jsonpath_parser.h"

namespace tepui::cli {

namespace {

using Kind = JsonValue::Kind;
using Step = JsonPath::Step;
using Nodes = std::vector<const JsonValue*>;

Nodes walk(const JsonPath::Path& path, Nodes nodes);

/// Less, equal or greater; nothing when the two cannot be compared.
std::optional<int> compare(const JsonValue& left, const JsonValue& right) {
    if (left.kind == Kind::number && right.kind == Kind::number) {
        const double a = std::strtod(left.text.c_str(), nullptr);
        const double b = std::strtod(right.text.c_str(), nullptr);
        return a < b ? -1 : a > b ? 1 : 0;
    }
    if (left.kind != right.kind) return std::nullopt;
    if (left.kind == Kind::string) return left.text.compare(right.text);
    if (left == right) return 0;
    return std::nullopt;
}

bool holds(const std::string& op, const JsonValue& left, const JsonValue& right) {
    const std::optional<int> order = compare(left, right);
    if (op == "!=") return order != 0;
    if (!order) return false;
    if (op == "==") return *order == 0;
    if (op == "<") return *order < 0;
    if (op == "<=") return *order <= 0;
    if (op == ">") return *order > 0;
    return *order >= 0;
}

bool passes(const JsonPath::Filter& filter, const JsonValue& item) {
    const Nodes left = walk(filter.left, {&item});
    if (filter.op.empty()) return !left.empty();
    if (left.empty()) return false;
    if (const auto* literal = std::get_if<JsonValue>(&filter.right)) {
        return holds(filter.op, *left[0], *literal);
    }
    const Nodes right = walk(std::get<JsonPath::Path>(filter.right), {&item});
    return !right.empty() && holds(filter.op, *left[0], *right[0]);
}

void take_slice(const JsonPath::Slice& slice, const JsonValue& node, Nodes& out) {
    if (node.kind != Kind::array) return;
    const auto size = static_cast<std::int64_t>(node.items.size());
    const auto place = [size](std::int64_t index) {
        return std::clamp<std::int64_t>(index < 0 ? index + size : index, -1, size);
    };
    std::int64_t from = slice.has_from ? place(slice.from) : 0;
    const std::int64_t to = slice.has_to ? place(slice.to) : size;
    if (from < 0) {
        // A single index before the beginning finds nothing; a range begins at the beginning.
        if (slice.has_to && slice.to == slice.from + 1) return;
        from = 0;
    }
    for (std::int64_t i = from; i < to; i += slice.by) {
        out.push_back(&node.items[static_cast<std::size_t>(i)]);
        if (slice.by > size) return;
    }
}

void descend(const JsonValue& node, Nodes& out) {
    out.push_back(&node);
    for (const JsonValue& item : node.items) descend(item, out);
}

void apply(const Step& step, const JsonValue& node, Nodes& out) {
    switch (step.kind) {
        case Step::Kind::name:
            if (const JsonValue* member = node.find(step.name)) out.push_back(member);
            return;
        case Step::Kind::descend: descend(node, out); return;
        case Step::Kind::all:
            for (const JsonValue& item : node.items) out.push_back(&item);
            return;
        case Step::Kind::slice: take_slice(step.slice, node, out); return;
        case Step::Kind::filter:
            for (const JsonValue& item : node.items) {
                if (passes(*step.filter, item)) out.push_back(&item);
            }
            return;
        case Step::Kind::either:
            for (const Step& choice : step.choices) apply(choice, node, out);
            return;
    }
}

Nodes walk(const JsonPath::Path& path, Nodes nodes) {
    for (const Step& step : path) {
        Nodes next;
        for (const JsonValue* node : nodes) apply(step, *node, next);
        nodes = std::move(next);
    }
    return nodes;
}

std::string shown(const JsonValue& value) {
    const bool block = value.kind == Kind::array || value.kind == Kind::object;
    return block ? to_json(value) : value.text;
}

void render(const std::vector<JsonPath::Part>& parts, const JsonValue& root,
            const JsonValue& current, std::string& out) {
    for (const JsonPath::Part& part : parts) {
        if (part.kind == JsonPath::Part::Kind::text) {
            out += part.text;
            continue;
        }
        const Nodes found = walk(part.path, {part.from_root ? &root : &current});
        if (part.kind == JsonPath::Part::Kind::range) {
            for (const JsonValue* item : found) render(part.body, root, *item, out);
            continue;
        }
        for (std::size_t i = 0; i < found.size(); ++i) {
            if (i > 0) out += ' ';
            out += shown(*found[i]);
        }
    }
}

}  // namespace

Result<JsonPath> JsonPath::parse(std::string_view text) {
    JsonPath path;
    path.parts_ = TEPUI_TRY(JsonPathParser(text).parse());
    return path;
}

std::string JsonPath::evaluate(const JsonValue& root) const {
    std::string out;
    render(parts_, root, root, out);
    return out;
}

}  // namespace tepui::cli
