#include "cli/program.h"

#include <fmt/core.h>

#include "cli/suggest.h"

namespace tepui::cli {

namespace {

const Verb* find_verb(std::span<const Verb> verbs, std::string_view name) {
    for (const Verb& verb : verbs) {
        if (verb.manual.name == name) return &verb;
    }
    return nullptr;
}

std::string overview(std::span<const Verb> verbs) {
    std::string text =
        "tepui - pools machines and lets many schedulers share them\n\nusage: tepui VERB "
        "[ARGUMENT]...\n\n";
    for (const Verb& verb : verbs) {
        text += fmt::format("  {:<12}{}\n", verb.manual.name, verb.manual.summary);
    }
    text += fmt::format("  {:<12}{}\n", "completion", "print a completion script for bash or zsh");
    text += fmt::format("  {:<12}{}\n", "help", "show a verb's manual page");
    return text +
           "\nStart with:\n  tepui up                a local cluster\n"
           "  tepui run -- echo hello a first task\n  tepui help VERB         everything about a "
           "verb\n";
}

int report(const Console& console, const Failure& failure) {
    console.err(to_string(failure));
    return static_cast<int>(exit_for(failure.why.code));
}

int unknown_verb(std::span<const Verb> verbs, const std::string& name, const Console& console) {
    std::vector<std::string> names = {"help", "completion"};
    for (const Verb& verb : verbs) names.push_back(verb.manual.name);
    const auto near = nearest(name, names);
    const std::string next = near ? fmt::format("tepui help {}", *near) : "tepui help";
    return report(console, Failure{name, {Errc::invalid_argument, "there is no such verb"}, next});
}

int show_help(std::span<const Verb> verbs, std::span<const std::string> arguments,
              const Console& console) {
    if (arguments.empty()) {
        console.out(overview(verbs));
        return 0;
    }
    const Verb* verb = find_verb(verbs, arguments[0]);
    if (verb == nullptr) return unknown_verb(verbs, arguments[0], console);
    console.out(render_manual(verb->manual, verb->flags));
    return 0;
}

int show_completion(std::span<const Verb> verbs, std::span<const std::string> arguments,
                    const Console& console) {
    const std::string shell = arguments.empty() ? "" : arguments[0];
    const auto script = completion_script(shell, verbs);
    if (!script) {
        return report(console, Failure{"completion", script.error(), "tepui completion bash"});
    }
    console.out(*script);
    return 0;
}

int run_verb(const Verb& verb, std::span<const std::string> arguments, const Console& console) {
    const auto parsed = parse_flags(verb.flags, arguments, console.environment);
    if (!parsed) {
        const std::string next = fmt::format("tepui help {}", verb.manual.name);
        // A file:// value that is missing is still a wrong command line.
        return report(
            console,
            Failure{verb.manual.name, {Errc::invalid_argument, parsed.error().text}, next});
    }
    if (parsed->help) {
        console.out(render_manual(verb.manual, verb.flags));
        return 0;
    }
    const Outcome outcome = verb.run(console, *parsed);
    return outcome ? *outcome : report(console, outcome.error());
}

}  // namespace

int run_program(std::span<const Verb> verbs, std::span<const std::string> arguments,
                const Console& console) {
    if (arguments.empty()) {
        console.err(overview(verbs));
        return static_cast<int>(Exit::usage);
    }
    const std::string& name = arguments[0];
    const auto rest = arguments.subspan(1);
    if (name == "help" || name == "--help" || name == "-h") return show_help(verbs, rest, console);
    if (name == "completion") return show_completion(verbs, rest, console);
    const Verb* verb = find_verb(verbs, name == "--version" ? "version" : name);
    if (verb == nullptr) return unknown_verb(verbs, name, console);
    return run_verb(*verb, rest, console);
}

}  // namespace tepui::cli
