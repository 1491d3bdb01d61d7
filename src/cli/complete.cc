#include "cli/complete.h"

#include <algorithm>

namespace tepui::cli {

namespace {

const Flag* flag_named(const FlagSet& set, std::string_view word) {
    if (word.starts_with("--")) return set.find(word.substr(2));
    if (word.size() != 2 || word[0] != '-') return nullptr;
    for (const Flag& flag : set.flags) {
        if (flag.letter == word[1]) return &flag;
    }
    return nullptr;
}

std::string plural(std::string kind) { return kind.ends_with('s') ? kind : kind + 's'; }

void offer(const std::vector<std::string>& offers, const std::string& first_word,
           Candidates& found) {
    for (const std::string& each : offers) {
        if (each == "@kind") {
            found.kind = plural(first_word);
        } else if (each.starts_with('@')) {
            found.kind = each.substr(1);
        } else if (each.starts_with(found.prefix)) {
            found.words.push_back(each);
        }
    }
}

void offer_flags(const FlagSet& set, Candidates& found) {
    std::vector<std::string> names = {"--help"};
    for (const Flag& flag : set.flags) {
        names.push_back("--" + flag.name);
        if (flag.kind == FlagKind::boolean) names.push_back("--no-" + flag.name);
    }
    offer(names, "", found);
}

}  // namespace

Candidates find_candidates(std::span<const Verb> verbs, std::span<const std::string> words) {
    // bash makes words of their own of the '=' in --name=value.
    std::vector<std::string> line;
    for (const std::string& word : words) {
        if (word != "=") line.push_back(word);
    }
    Candidates found;
    if (line.empty()) line.emplace_back();
    found.prefix = line.back() == "=" ? "" : line.back();
    if (!words.empty() && words.back() == "=") found.prefix.clear();
    std::vector<std::string> names;
    for (const Verb& verb : verbs) names.push_back(verb.manual.name);
    if (line.size() == 1) {
        offer(names, "", found);
        return found;
    }
    const auto verb = std::find_if(verbs.begin(), verbs.end(), [&line](const Verb& each) {
        return each.manual.name == line[0];
    });
    if (verb == verbs.end()) return found;
    const Flag* open = nullptr;  // The flag whose value comes next.
    std::vector<std::string> plain;
    const std::size_t last = words.back() == "=" ? line.size() : line.size() - 1;
    for (std::size_t i = 1; i < last; ++i) {
        if (open != nullptr) {
            if (open->name == "master") found.master = line[i];
            open = nullptr;
            continue;
        }
        if (line[i] == "--") return found;  // What follows is somebody else's command line.
        const std::size_t equals = line[i].find('=');
        const Flag* flag = flag_named(verb->flags, line[i].substr(0, equals));
        if (flag != nullptr && flag->kind != FlagKind::boolean) {
            if (equals == std::string::npos)
                open = flag;
            else if (flag->name == "master")
                found.master = line[i].substr(equals + 1);
        }
        if (!line[i].starts_with('-')) plain.push_back(line[i]);
    }
    if (open != nullptr) {
        offer(open->offers, "", found);
    } else if (found.prefix.starts_with('-')) {
        offer_flags(verb->flags, found);
    } else if (!verb->offers.empty()) {
        const std::size_t place = std::min(plain.size(), verb->offers.size() - 1);
        std::vector<std::string> offers = verb->offers[place];
        if (std::erase(offers, "@verbs") > 0) {
            offers.insert(offers.end(), names.begin(), names.end());
        }
        offer(offers, plain.empty() ? "" : plain[0], found);
    }
    return found;
}

}  // namespace tepui::cli
