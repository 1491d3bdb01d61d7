#pragma once

#include <cstdint>
#include <functional>
#include <map>
#include <optional>
#include <span>
#include <string>
#include <string_view>
#include <vector>

#include "base/result.h"

namespace tepui::cli {

enum class FlagKind : std::uint8_t {
    value,    // --name VALUE; the last one counts.
    boolean,  // --name, --no-name, --name=true|false.
    list,     // --name VALUE, again and again.
};

/// One option of a verb. `-` and `_` in names mean the same everywhere.
struct Flag {
    std::string name;
    FlagKind kind = FlagKind::value;
    std::string value_name;  // "PATH"; what help shows in the value's place.
    std::string help;        // Sentences.
    std::string fallback;    // The value when nothing is given; empty means there is none.
    std::string group = "Options";
    char letter = 0;
    std::vector<std::string> older_names;  // Accepted, not shown.
    /// What completion offers for its value; "@tasks", "@agents", "@frameworks" and "@roles" stand
    /// for the names that there are.
    std::vector<std::string> offers;
    std::string environment;  // A variable of its own, besides FlagSet's prefixes.
    bool names_file = false;  // "file:///path" stays as it is, whatever FlagSet::file_values says.
    /// Judges a value; the error's text is shown after the flag's name.
    std::function<Result<void>(std::string_view)> check;
};

/// A flag that Mesos has and this version does not act on. Giving it is an error unless the value
/// is one of `same_as_ours`: then what is asked for is what happens anyway.
struct ForeignFlag {
    std::string name;
    FlagKind kind = FlagKind::value;
    std::vector<std::string> same_as_ours;
    std::string why;  // "elections through ZooKeeper are not in this version".
};

struct FlagSet {
    std::vector<Flag> flags;
    std::vector<ForeignFlag> foreign;
    /// In order of precedence: {"TEPUI_", "MESOS_"}; the variable is the prefix and the upper-case
    /// name.
    std::vector<std::string> environment_prefixes;
    /// The flag that names a file of flags (config_file.h), beneath the environment; empty: none.
    std::string config_flag;
    bool file_values = false;  // "file:///path" stands for what the file holds.
    bool words_end_flags =
        false;                  // The first word that is no flag ends them (as with `docker run`).
    std::size_t words_max = 0;  // Words that are no flags and come before "--".

    const Flag* find(std::string_view name) const;
};

/// What was given, and where it was not, the fallbacks.
class Parsed {
public:
    explicit Parsed(const FlagSet& set);

    bool given(std::string_view name) const;
    /// The value given or the fallback; the flag must be of the set.
    std::string value(std::string_view name) const;
    bool enabled(std::string_view name) const;
    std::vector<std::string> list(std::string_view name) const;
    /// Each flag's value now, for `--flags` like displays; empty ones left out.
    std::map<std::string, std::string> all() const;

    std::vector<std::string> words;  // Before "--".
    std::vector<std::string> rest;   // After "--", or from the first word when words end flags.
    bool help = false;               // --help or -h was among them.

private:
    friend class FlagParser;
    const Flag& flag(std::string_view name) const;

    const FlagSet* set_;
    std::map<std::string, std::vector<std::string>, std::less<>> given_;
};

using EnvironmentLookup = std::function<std::optional<std::string>(const std::string&)>;

/// Reads flags from the set's config file, above it from the environment, and above that from the
/// command line. `set` must outlive the answer. Fails with invalid_argument: unknown flags (with
/// the nearest name), missing, surplus or refused values, foreign flags, each with where it stands;
/// with not_found or io when the config file or a file:// value cannot be read.
Result<Parsed> parse_flags(const FlagSet& set, std::span<const std::string> arguments,
                           const EnvironmentLookup& environment);

/// A flag name for comparing: `work-dir` is `work_dir`.
std::string normalized(std::string_view flag_name);

}  // namespace tepui::cli
