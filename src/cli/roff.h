#pragma once

#include <span>
#include <string>

#include "cli/manual.h"
#include "cli/program.h"

namespace tepui::cli {

/// A verb's page for man(1), tepui-VERB(1), made of what --help is made of.
std::string render_roff(const Manual& manual, const FlagSet& flags);

/// The page tepui(1), with a line for each verb.
std::string render_program_roff(std::span<const Verb> verbs);

}  // namespace tepui::cli
