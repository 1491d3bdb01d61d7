#include "cli/flags/flag.h"

#include <algorithm>

#include "base/assert.h"

namespace tepui::cli {

std::string normalized(std::string_view flag_name) {
    std::string name(flag_name);
    std::replace(name.begin(), name.end(), '-', '_');
    return name;
}

const Flag* FlagSet::find(std::string_view name) const {
    const std::string wanted = normalized(name);
    for (const Flag& flag : flags) {
        if (normalized(flag.name) == wanted) return &flag;
        const auto& older = flag.older_names;
        if (std::find(older.begin(), older.end(), wanted) != older.end()) return &flag;
    }
    return nullptr;
}

Parsed::Parsed(const FlagSet& set) : set_(&set) {}

const Flag& Parsed::flag(std::string_view name) const {
    const Flag* found = set_->find(name);
    TEPUI_ASSERT_WHY(found != nullptr, "a verb asks only for flags of its own set");
    return *found;
}

bool Parsed::given(std::string_view name) const {
    return given_.contains(normalized(flag(name).name));
}

std::string Parsed::value(std::string_view name) const {
    const Flag& wanted = flag(name);
    const auto it = given_.find(normalized(wanted.name));
    return it == given_.end() || it->second.empty() ? wanted.fallback : it->second.back();
}

bool Parsed::enabled(std::string_view name) const { return value(name) == "true"; }

std::vector<std::string> Parsed::list(std::string_view name) const {
    const auto it = given_.find(normalized(flag(name).name));
    return it == given_.end() ? std::vector<std::string>{} : it->second;
}

std::map<std::string, std::string> Parsed::all() const {
    std::map<std::string, std::string> values;
    for (const Flag& flag : set_->flags) {
        std::string text = value(flag.name);
        if (!text.empty()) values.emplace(normalized(flag.name), std::move(text));
    }
    return values;
}

}  // namespace tepui::cli
