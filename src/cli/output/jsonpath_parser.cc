#include "cli/output/jsonpath_parser.h"

#include <charconv>

#include <fmt/core.h>

namespace tepui::cli {

namespace {

constexpr unsigned depth_max = 32;

bool is_name_character(char c) {
    return (c >= 'a' && c <= 'z') || (c >= 'A' && c <= 'Z') || (c >= '0' && c <= '9') || c == '_' ||
           c == '-' || (static_cast<unsigned char>(c) & 0x80) != 0;
}

JsonPath::Step named(std::string name) {
    JsonPath::Step step;
    step.kind = JsonPath::Step::Kind::name;
    step.name = std::move(name);
    return step;
}

}  // namespace

std::unexpected<Error> JsonPathParser::error(std::string_view what) const {
    const std::string found = at_end() ? "the end" : fmt::format("'{}'", peek());
    return fail(Errc::invalid_argument, "jsonpath, column {}: {} where {} is", position_ + 1, what,
                found);
}

bool JsonPathParser::take(std::string_view word) {
    if (!text_.substr(position_).starts_with(word)) return false;
    position_ += word.size();
    return true;
}

void JsonPathParser::skip_spaces() {
    while (peek() == ' ' || peek() == '\t' || peek() == '\n') ++position_;
}

Result<void> JsonPathParser::expect(std::string_view word) {
    skip_spaces();
    if (take(word)) return {};
    return error(fmt::format("'{}' is expected", word));
}

Result<std::vector<JsonPath::Part>> JsonPathParser::parse() {
    if (text_.find('{') == std::string_view::npos) {
        Part part;
        part.kind = Part::Kind::path;
        // `a.b` without a point in front means what it looks like.
        skip_spaces();
        if (is_name_character(peek())) part.path.push_back(named(name()));
        JsonPath::Path rest = TEPUI_TRY(path(part.from_root));
        part.path.insert(part.path.end(), rest.begin(), rest.end());
        skip_spaces();
        if (!at_end()) return error("'.' or '[' is expected");
        if (text_.empty()) return error("a path is expected");
        return std::vector<Part>{std::move(part)};
    }
    return parts(false);
}

Result<std::vector<JsonPath::Part>> JsonPathParser::parts(bool in_range) {
    std::vector<Part> list;
    if (++depth_ > depth_max) return error("there are too many ranges in each other");
    for (;;) {
        const std::size_t brace = std::min(text_.find('{', position_), text_.size());
        if (brace > position_) {
            Part part;
            part.text = std::string(text_.substr(position_, brace - position_));
            list.push_back(std::move(part));
            position_ = brace;
        }
        if (at_end()) {
            if (in_range) return error("'{end}' is expected");
            break;
        }
        ++position_;
        bool closing = false;
        std::vector<Part> inner = TEPUI_TRY(braces(in_range, closing));
        list.insert(list.end(), inner.begin(), inner.end());
        if (closing) break;
    }
    --depth_;
    return list;
}

Result<std::vector<JsonPath::Part>> JsonPathParser::braces(bool in_range, bool& closing) {
    Part part;
    skip_spaces();
    if (peek() == '"' || peek() == '\'') {
        part.text = TEPUI_TRY(quoted());
    } else if (take("range ")) {
        part.kind = Part::Kind::range;
        skip_spaces();
        part.path = TEPUI_TRY(path(part.from_root));
        TEPUI_CHECK_OK(expect("}"));
        part.body = TEPUI_TRY(parts(true));
        return std::vector<Part>{std::move(part)};
    } else if (take("end")) {
        if (!in_range) return error("there is no range that could end");
        closing = true;
        TEPUI_CHECK_OK(expect("}"));
        return std::vector<Part>{};
    } else {
        part.kind = Part::Kind::path;
        const std::size_t start = position_;
        part.path = TEPUI_TRY(path(part.from_root));
        if (position_ == start) return error("a path is expected");
    }
    TEPUI_CHECK_OK(expect("}"));
    return std::vector<Part>{std::move(part)};
}

Result<JsonPath::Path> JsonPathParser::path(bool& from_root) {
    JsonPath::Path steps;
    from_root = take("$");
    if (!from_root) take("@");
    for (;;) {
        if (take("..")) {
            Step step;
            step.kind = Step::Kind::descend;
            steps.push_back(step);
            if (peek() == '[') continue;
            steps.push_back(TEPUI_TRY(dotted()));
        } else if (take(".")) {
            // "." and "$." alone are the whole document.
            const bool alone = steps.empty() && (at_end() || peek() == '}' || peek() == ' ');
            if (alone || peek() == '[') continue;
            steps.push_back(TEPUI_TRY(dotted()));
        } else if (take("[")) {
            steps.push_back(TEPUI_TRY(bracket()));
        } else {
            return steps;
        }
    }
}

Result<JsonPath::Step> JsonPathParser::dotted() {
    if (take("*")) return Step{};
    std::string word = name();
    if (word.empty()) return error("a name is expected");
    return named(std::move(word));
}

std::string JsonPathParser::name() {
    std::string word;
    while (!at_end()) {
        // As in kubectl, a backslash makes a point part of a name.
        if (take("\\.")) {
            word += '.';
        } else if (is_name_character(peek())) {
            word += text_[position_++];
        } else {
            break;
        }
    }
    return word;
}

Result<JsonPath::Step> JsonPathParser::bracket() {
    Step first = TEPUI_TRY(choice());
    skip_spaces();
    if (take("]")) return first;
    Step either;
    either.kind = Step::Kind::either;
    either.choices.push_back(std::move(first));
    while (take(",")) {
        either.choices.push_back(TEPUI_TRY(choice()));
        skip_spaces();
    }
    if (!take("]")) return error("']' is expected");
    return either;
}

Result<JsonPath::Step> JsonPathParser::choice() {
    skip_spaces();
    if (take("*")) return Step{};
    if (take("?")) return filter();
    if (peek() == '"' || peek() == '\'') return named(TEPUI_TRY(quoted()));
    Step step;
    step.kind = Step::Kind::slice;
    step.slice = TEPUI_TRY(slice());
    return step;
}

Result<JsonPath::Slice> JsonPathParser::slice() {
    const auto number = [this](std::int64_t& value) -> bool {
        const char* begin = text_.data() + position_;
        const auto [end, error] = std::from_chars(begin, text_.data() + text_.size(), value);
        if (error != std::errc{}) return false;
        position_ += static_cast<std::size_t>(end - begin);
        return true;
    };
    JsonPath::Slice slice;
    slice.has_from = number(slice.from);
    if (!take(":")) {
        if (!slice.has_from) return error("an index, a name in quotes, '*' or '?(' is expected");
        slice.to = slice.from + 1;
        // [-1] is the last one, and nothing comes behind it.
        slice.has_to = slice.from != -1;
        return slice;
    }
    slice.has_to = number(slice.to);
    if (take(":") && number(slice.by) && slice.by <= 0) {
        return error("the step of a slice must be above 0");
    }
    return slice;
}

Result<JsonPath::Step> JsonPathParser::filter() {
    TEPUI_CHECK_OK(expect("("));
    if (++depth_ > depth_max) return error("there are too many filters in each other");
    auto made = std::make_shared<JsonPath::Filter>();
    skip_spaces();
    if (peek() != '@') return error("'@' is expected");
    bool from_root = false;
    made->left = TEPUI_TRY(path(from_root));
    skip_spaces();
    for (const std::string_view op : {"==", "!=", "<=", ">=", "<", ">"}) {
        if (!take(op)) continue;
        made->op = op;
        made->right = TEPUI_TRY(operand());
        break;
    }
    TEPUI_CHECK_OK(expect(")"));
    --depth_;
    Step step;
    step.kind = Step::Kind::filter;
    step.filter = std::move(made);
    return step;
}

Result<std::variant<JsonValue, JsonPath::Path>> JsonPathParser::operand() {
    skip_spaces();
    if (peek() == '@') {
        bool from_root = false;
        return TEPUI_TRY(path(from_root));
    }
    JsonValue value;
    if (peek() == '"' || peek() == '\'') {
        value.kind = JsonValue::Kind::string;
        value.text = TEPUI_TRY(quoted());
        return value;
    }
    const std::size_t start = position_;
    while (is_name_character(peek()) || peek() == '.' || peek() == '+') ++position_;
    const auto parsed = parse_json(text_.substr(start, position_ - start));
    if (parsed) return *parsed;
    position_ = start;
    return error("a text in quotes, a number, true, false or a path from @ is expected");
}

Result<std::string> JsonPathParser::quoted() {
    const char quote = text_[position_++];
    std::string out;
    while (!at_end() && peek() != quote) {
        char c = text_[position_++];
        if (c == '\\' && !at_end()) {
            c = text_[position_++];
            if (c == 'n') c = '\n';
            if (c == 't') c = '\t';
        }
        out += c;
    }
    if (at_end()) return error(fmt::format("a closing {} is expected", quote));
    ++position_;
    return out;
}

}  // namespace tepui::cli
