#include <cstdlib>
#include <fstream>
#include <set>
#include <sstream>

#include <fmt/ranges.h>

#include "base/ascii.h"
#include "cli/flags/config_file.h"
#include "cli/flags/flag.h"
#include "cli/suggest.h"

namespace tepui::cli {

namespace {

std::optional<std::string> boolean_text(std::string_view text) {
    for (const std::string_view yes : {"true", "1", "yes", "on"}) {
        if (text == yes) return "true";
    }
    for (const std::string_view no : {"false", "0", "no", "off"}) {
        if (text == no) return "false";
    }
    return std::nullopt;
}

constexpr std::string_view file_scheme = "file://";

Result<std::string> file_content(const std::string& path) {
    std::ifstream file(path, std::ios::binary);
    if (!file) return fail(Errc::not_found, "cannot read the file {}", path);
    std::ostringstream content;
    content << file.rdbuf();
    std::string text = std::move(content).str();
    while (!text.empty() && (text.back() == '\n' || text.back() == '\r')) text.pop_back();
    return text;
}

}  // namespace

/// One pass over the arguments, one over the environment, one over the config file; what came
/// before counts more.
class FlagParser {
public:
    FlagParser(const FlagSet& set, std::span<const std::string> arguments,
               const EnvironmentLookup& environment)
        : set_(set), arguments_(arguments), environment_(environment), parsed_(set) {}

    Result<Parsed> run() {
        TEPUI_CHECK_OK(read_arguments());
        // Whoever asks for help gets it, whatever the environment holds.
        if (!parsed_.help) {
            TEPUI_CHECK_OK(read_environment());
            TEPUI_CHECK_OK(read_config());
        }
        return std::move(parsed_);
    }

private:
    Result<void> read_environment() {
        for (const Flag& flag : set_.flags) {
            if (parsed_.given_.contains(normalized(flag.name))) continue;
            for (const std::string& variable : variables_of(flag)) {
                const auto value = environment_(variable);
                if (!value) continue;
                TEPUI_CHECK_OK(take(flag, *value, variable));
                break;
            }
        }
        for (const ForeignFlag& flag : set_.foreign) {
            if (foreign_given_.contains(flag.name)) continue;
            for (const std::string& prefix : set_.environment_prefixes) {
                const std::string variable = prefix + upper_case(flag.name);
                if (const auto value = environment_(variable)) {
                    TEPUI_CHECK_OK(judge_foreign(flag, *value, variable));
                }
            }
        }
        return {};
    }

    std::vector<std::string> variables_of(const Flag& flag) const {
        std::vector<std::string> variables;
        if (!flag.environment.empty()) variables.push_back(flag.environment);
        for (const std::string& prefix : set_.environment_prefixes) {
            variables.push_back(prefix + upper_case(normalized(flag.name)));
            for (const std::string& older : flag.older_names) {
                variables.push_back(prefix + upper_case(older));
            }
        }
        return variables;
    }

    Result<void> read_arguments() {
        while (at_ < arguments_.size()) {
            const std::string& argument = arguments_[at_++];
            if (argument == "--") {
                parsed_.rest.assign(arguments_.begin() + static_cast<std::ptrdiff_t>(at_),
                                    arguments_.end());
                return {};
            }
            if (argument == "--help" || argument == "-h") {
                parsed_.help = true;
            } else if (argument.starts_with("--")) {
                TEPUI_CHECK_OK(read_long(argument));
            } else if (argument.size() > 1 && argument[0] == '-') {
                TEPUI_CHECK_OK(read_letter(argument));
            } else if (set_.words_end_flags) {
                parsed_.rest.assign(arguments_.begin() + static_cast<std::ptrdiff_t>(at_ - 1),
                                    arguments_.end());
                return {};
            } else {
                if (parsed_.words.size() == set_.words_max) {
                    return fail(Errc::invalid_argument, "unexpected argument '{}'", argument);
                }
                parsed_.words.push_back(argument);
            }
        }
        return {};
    }

    Result<void> read_long(const std::string& argument) {
        const std::size_t equals = argument.find('=');
        const std::string name =
            argument.substr(2, equals == std::string::npos ? std::string::npos : equals - 2);
        std::optional<std::string> value;
        if (equals != std::string::npos) value = argument.substr(equals + 1);
        if (const Flag* flag = set_.find(name)) return take_next(*flag, "--" + name, value);
        if (const ForeignFlag* flag = find_foreign(name)) {
            foreign_given_.insert(flag->name);
            if (!value && flag->kind == FlagKind::boolean) value = "true";
            if (!value && at_ < arguments_.size()) value = arguments_[at_++];
            return judge_foreign(*flag, value.value_or(""), "--" + name);
        }
        if (normalized(name).starts_with("no_") && !value) {
            const std::string positive = name.substr(3);
            const Flag* flag = set_.find(positive);
            if (flag != nullptr && flag->kind == FlagKind::boolean) {
                return take(*flag, "false", "--" + name);
            }
            const ForeignFlag* foreign = find_foreign(positive);
            if (foreign != nullptr && foreign->kind == FlagKind::boolean) {
                foreign_given_.insert(foreign->name);
                return judge_foreign(*foreign, "false", "--" + name);
            }
        }
        return unknown(name);
    }

    Result<void> read_letter(const std::string& argument) {
        for (const Flag& flag : set_.flags) {
            if (flag.letter == 0 || flag.letter != argument[1]) continue;
            const std::string shown = argument.substr(0, 2);
            std::optional<std::string> value;
            if (argument.size() > 2) value = argument.substr(argument[2] == '=' ? 3 : 2);
            if (value && flag.kind == FlagKind::boolean && argument[2] != '=') {
                // "-it" is "-i -t".
                TEPUI_CHECK_OK(take_next(flag, shown, std::nullopt));
                return read_letter('-' + *value);
            }
            return take_next(flag, shown, value);
        }
        return fail(Errc::invalid_argument, "unknown flag {}", argument.substr(0, 2));
    }

    Result<void> take_next(const Flag& flag, const std::string& shown,
                           std::optional<std::string> value) {
        if (!value && flag.kind == FlagKind::boolean) value = "true";
        if (!value) {
            if (at_ == arguments_.size()) {
                return fail(Errc::invalid_argument, "{} needs a value: {} {}", shown, shown,
                            flag.value_name);
            }
            value = arguments_[at_++];
        }
        return take(flag, *value, shown);
    }

    // Every line is judged, also one whose flag is given elsewhere: a file with a mistake in it is
    // not waited with until that is gone.
    Result<void> read_config() {
        if (set_.config_flag.empty() || !parsed_.given(set_.config_flag)) return {};
        std::string path = parsed_.value(set_.config_flag);
        if (path.starts_with(file_scheme)) path.erase(0, file_scheme.size());
        const auto text = file_content(path);
        if (!text) return fail_with("--" + set_.config_flag, text.error());
        auto lines = parse_config(*text);
        if (!lines) return fail_with(path, lines.error());
        for (ConfigLine& line : *lines) {
            const std::string where = fmt::format("{}:{}", path, line.number);
            if (const auto read = read_config_line(line, where); !read) return read;
        }
        return {};
    }

    Result<void> read_config_line(ConfigLine& line, const std::string& where) {
        const std::string shown = fmt::format("{}: {}", where, line.name);
        if (const ForeignFlag* foreign = find_foreign(line.name)) {
            return judge_foreign(*foreign, line.value, shown);
        }
        const Flag* flag = set_.find(line.name);
        if (flag == nullptr) return fail_with(where, unknown(line.name).error());
        const std::string name = normalized(flag->name);
        if (name == normalized(set_.config_flag)) {
            return fail(Errc::invalid_argument, "{}: a config file cannot name another one", shown);
        }
        const auto [first, is_first] = config_lines_.emplace(name, line.number);
        if (!is_first && flag->kind != FlagKind::list) {
            return fail(Errc::invalid_argument, "{}: it stands in line {} too", shown,
                        first->second);
        }
        if (is_first && parsed_.given_.contains(name)) overridden_.insert(name);
        auto value = TEPUI_TRY(judge(*flag, std::move(line.value), shown));
        if (!overridden_.contains(name)) parsed_.given_[name].push_back(std::move(value));
        return {};
    }

    Result<void> take(const Flag& flag, std::string value, const std::string& shown) {
        value = TEPUI_TRY(judge(flag, std::move(value), shown));
        parsed_.given_[normalized(flag.name)].push_back(std::move(value));
        return {};
    }

    /// The value as it is kept.
    Result<std::string> judge(const Flag& flag, std::string value, const std::string& shown) const {
        const bool is_config = normalized(flag.name) == normalized(set_.config_flag);
        if (set_.file_values && !is_config && !flag.names_file && value.starts_with(file_scheme)) {
            auto content = file_content(value.substr(file_scheme.size()));
            if (!content) return fail_with(shown, content.error());
            value = *std::move(content);
        }
        if (flag.kind == FlagKind::boolean) {
            const auto truth = boolean_text(value);
            if (!truth) {
                return fail(Errc::invalid_argument, "{}: '{}' is neither true nor false", shown,
                            value);
            }
            value = *truth;
        }
        if (flag.check) {
            const auto judged = flag.check(value);
            if (!judged) return fail_with(shown, judged.error());
        }
        return value;
    }

    const ForeignFlag* find_foreign(std::string_view name) const {
        const std::string wanted = normalized(name);
        for (const ForeignFlag& flag : set_.foreign) {
            if (flag.name == wanted) return &flag;
        }
        return nullptr;
    }

    Result<void> judge_foreign(const ForeignFlag& flag, const std::string& value,
                               const std::string& shown) {
        std::string given = value;
        if (flag.kind == FlagKind::boolean) given = boolean_text(value).value_or(value);
        for (const std::string& same : flag.same_as_ours) {
            if (same == given || same == "*") return {};
        }
        std::string text = fmt::format("{}: a flag of Mesos that this version does not act on: {}",
                                       shown, flag.why);
        if (!flag.same_as_ours.empty()) {
            text += fmt::format(" (only {} is accepted)", fmt::join(flag.same_as_ours, " or "));
        }
        return std::unexpected(Error{Errc::invalid_argument, std::move(text)});
    }

    Result<void> unknown(const std::string& name) const {
        std::vector<std::string> names;
        for (const Flag& flag : set_.flags) names.push_back(normalized(flag.name));
        const auto near = nearest(normalized(name), names);
        if (!near) return fail(Errc::invalid_argument, "unknown flag --{}", name);
        const std::string shown = set_.find(*near)->name;
        return fail(Errc::invalid_argument, "unknown flag --{}; did you mean --{}?", name, shown);
    }

    const FlagSet& set_;
    std::span<const std::string> arguments_;
    const EnvironmentLookup& environment_;
    Parsed parsed_;
    std::set<std::string> foreign_given_;
    std::map<std::string, std::size_t> config_lines_;  // Of each flag in the config file.
    std::set<std::string> overridden_;  // Of those, the ones that are given elsewhere too.
    std::size_t at_ = 0;
};

Result<Parsed> parse_flags(const FlagSet& set, std::span<const std::string> arguments,
                           const EnvironmentLookup& environment) {
    return FlagParser(set, arguments, environment).run();
}

}  // namespace tepui::cli
