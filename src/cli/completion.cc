#include "cli/program.h"

namespace tepui::cli {

namespace {

/// The program itself knows what fits; the scripts only ask it.
constexpr std::string_view bash_script = R"bash(# bash completion of tepui
# Use it with: source <(tepui completion bash)
_tepui() {
  local IFS=$'\n'
  COMPREPLY=($("${COMP_WORDS[0]}" __complete -- "${COMP_WORDS[@]:1:COMP_CWORD}" 2>/dev/null))
}
complete -o default -F _tepui tepui
)bash";

constexpr std::string_view zsh_script = R"zsh(#compdef tepui
# zsh completion of tepui; use it with: source <(tepui completion zsh)
_tepui() {
  local -a candidates
  candidates=(${(f)"$("${words[1]}" __complete -- "${(@)words[2,CURRENT]}" 2>/dev/null)"})
  if (( $#candidates )); then
    compadd -- $candidates
  else
    _files
  fi
}
compdef _tepui tepui
)zsh";

}  // namespace

Result<std::string> completion_script(std::string_view shell) {
    if (shell == "bash") return std::string(bash_script);
    if (shell == "zsh") return std::string(zsh_script);
    if (shell.empty()) return fail(Errc::invalid_argument, "name the shell: bash or zsh");
    return fail(Errc::invalid_argument, "no completion for '{}'; there is bash and zsh", shell);
}

}  // namespace tepui::cli
