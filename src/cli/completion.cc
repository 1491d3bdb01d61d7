#include <fmt/core.h>
#include <fmt/ranges.h>

#include "cli/program.h"

namespace tepui::cli {

namespace {

std::string flag_words(const FlagSet& set) {
    std::string words = "--help";
    for (const Flag& flag : set.flags) {
        words += " --" + flag.name;
        if (flag.kind == FlagKind::boolean) words += " --no-" + flag.name;
    }
    return words;
}

std::vector<std::string> verb_names(std::span<const Verb> verbs) {
    std::vector<std::string> names;
    for (const Verb& verb : verbs) names.push_back(verb.manual.name);
    names.insert(names.end(), {"completion", "help"});
    return names;
}

/// Words after a verb that are no flags; only those that never change.
std::string_view fixed_words(std::string_view verb) {
    if (verb == "get") return "agents frameworks tasks offers roles";
    return "";
}

std::string bash_script(std::span<const Verb> verbs) {
    std::string script = fmt::format(
        "# bash completion of tepui; use it with: source <(tepui completion bash)\n"
        "_tepui() {{\n"
        "  local word=${{COMP_WORDS[COMP_CWORD]}} verb=${{COMP_WORDS[1]}} words\n"
        "  if [ \"$COMP_CWORD\" -eq 1 ]; then\n"
        "    COMPREPLY=($(compgen -W \"{0}\" -- \"$word\"))\n"
        "    return\n"
        "  fi\n"
        "  case $verb in\n"
        "    help) words=\"{0}\" ;;\n"
        "    completion) words=\"bash zsh\" ;;\n",
        fmt::join(verb_names(verbs), " "));
    for (const Verb& verb : verbs) {
        const std::string_view fixed = fixed_words(verb.manual.name);
        script += fmt::format("    {}) words=\"{}{}{}\" ;;\n", verb.manual.name, fixed,
                              fixed.empty() ? "" : " ", flag_words(verb.flags));
    }
    return script +
           "  esac\n"
           "  COMPREPLY=($(compgen -W \"$words\" -- \"$word\"))\n"
           "}\n"
           "complete -o default -F _tepui tepui\n";
}

std::string zsh_script(std::span<const Verb> verbs) {
    std::string script =
        "#compdef tepui\n"
        "# zsh completion of tepui; use it with: source <(tepui completion zsh)\n"
        "_tepui() {\n"
        "  local -a verbs\n"
        "  verbs=(\n";
    for (const Verb& verb : verbs) {
        script += fmt::format("    '{}:{}'\n", verb.manual.name, verb.manual.summary);
    }
    script +=
        "    'completion:print a completion script for bash or zsh'\n"
        "    'help:show the manual page of a verb'\n"
        "  )\n"
        "  if (( CURRENT == 2 )); then\n"
        "    _describe verb verbs\n"
        "    return\n"
        "  fi\n"
        "  case $words[2] in\n";
    // `words` is zsh's own array of the command line; the candidates go to compadd at once.
    script += fmt::format("    help) compadd {} ;;\n    completion) compadd bash zsh ;;\n",
                          fmt::join(verb_names(verbs), " "));
    for (const Verb& verb : verbs) {
        script += fmt::format("    {}) compadd -- {} {} ;;\n", verb.manual.name,
                              fixed_words(verb.manual.name), flag_words(verb.flags));
    }
    return script + "    *) _files ;;\n  esac\n}\ncompdef _tepui tepui\n";
}

}  // namespace

Result<std::string> completion_script(std::string_view shell, std::span<const Verb> verbs) {
    if (shell == "bash") return bash_script(verbs);
    if (shell == "zsh") return zsh_script(verbs);
    if (shell.empty()) return fail(Errc::invalid_argument, "name the shell: bash or zsh");
    return fail(Errc::invalid_argument, "no completion for '{}'; there is bash and zsh", shell);
}

}  // namespace tepui::cli
