#include "cli/program.h"

#include <fmt/core.h>

#include "cli/complete.h"
#include "cli/roff.h"
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
    std::vector<std::string> names;
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

int show_man(std::span<const Verb> verbs, std::span<const std::string> arguments,
             const Console& console) {
    if (arguments.empty()) {
        console.out(render_program_roff(verbs));
        return 0;
    }
    const Verb* verb = find_verb(verbs, arguments[0]);
    if (verb == nullptr) return unknown_verb(verbs, arguments[0], console);
    console.out(render_roff(verb->manual, verb->flags));
    return 0;
}

int show_completion(std::span<const std::string> arguments, const Console& console) {
    const std::string shell = arguments.empty() ? "" : arguments[0];
    const auto script = completion_script(shell);
    if (!script) {
        return report(console, Failure{"completion", script.error(), "tepui completion bash"});
    }
    console.out(*script);
    return 0;
}

/// What a completion script asks: a candidate a line.
int show_candidates(std::span<const Verb> verbs, std::span<const std::string> arguments,
                    const Console& console) {
    if (!arguments.empty() && arguments[0] == "--") arguments = arguments.subspan(1);
    const Candidates candidates = find_candidates(verbs, arguments);
    std::string text;
    for (const std::string& word : candidates.words) text += word + '\n';
    for (const std::string& word : ask_candidates(candidates, console)) text += word + '\n';
    if (!text.empty()) console.out(text);
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

std::vector<Verb> builtin_verbs() {
    const auto page = [](std::string name, std::string summary, std::string synopsis,
                         std::string description) {
        Verb verb;
        verb.manual.name = std::move(name);
        verb.manual.summary = std::move(summary);
        verb.manual.synopsis = {std::move(synopsis)};
        verb.manual.description = {std::move(description)};
        return verb;
    };
    Verb completion =
        page("completion", "print a completion script for bash or zsh", "completion bash|zsh",
             "Prints a script that makes the shell complete verbs, options and the names of tasks, "
             "agents, frameworks and roles, which it asks the master for while you type.");
    completion.manual.examples = {
        {"source <(tepui completion bash)", "in this shell, or in ~/.bashrc"}};
    completion.offers = {{"bash", "zsh"}};
    Verb help = page("help", "show a verb's manual page", "help [VERB]",
                     "Prints the page of VERB, or the list of verbs.");
    help.manual.examples = {{"tepui help run", "everything about run"}};
    help.offers = {{"@verbs"}};
    Verb man = page("man", "print a verb's manual page for man(1)", "man [VERB]",
                    "Prints the page of VERB, or that of the program, in the format of man(1).");
    man.manual.examples = {{"tepui man run | man -l -", "read it with man"}};
    man.offers = {{"@verbs"}};
    return {std::move(completion), std::move(help), std::move(man)};
}

int run_program(std::span<const Verb> given, std::span<const std::string> arguments,
                const Console& console) {
    std::vector<Verb> verbs(given.begin(), given.end());
    for (Verb& verb : builtin_verbs()) verbs.push_back(std::move(verb));
    if (arguments.empty()) {
        console.err(overview(verbs));
        return static_cast<int>(Exit::usage);
    }
    const std::string& name = arguments[0];
    const auto rest = arguments.subspan(1);
    if (name == "__complete") return show_candidates(verbs, rest, console);
    if (name == "--help" || name == "-h") return show_help(verbs, rest, console);
    const Verb* verb = find_verb(verbs, name == "--version" ? "version" : name);
    if (verb == nullptr) return unknown_verb(verbs, name, console);
    const bool wants_help = !rest.empty() && (rest[0] == "--help" || rest[0] == "-h");
    if (!verb->run && wants_help) return show_help(verbs, arguments.first(1), console);
    if (name == "help") return show_help(verbs, rest, console);
    if (name == "man") return show_man(verbs, rest, console);
    if (name == "completion") return show_completion(rest, console);
    return run_verb(*verb, rest, console);
}

}  // namespace tepui::cli
