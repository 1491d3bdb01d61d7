#include "cli/exit_code.h"

#include <fmt/core.h>

namespace tepui::cli {

Exit exit_for(Errc code) {
    switch (code) {
        case Errc::invalid_argument: return Exit::usage;
        case Errc::not_found: return Exit::not_found;
        case Errc::timeout: return Exit::timeout;
        case Errc::unauthenticated:
        case Errc::denied: return Exit::denied;
        case Errc::conflict:
        case Errc::too_large:
        case Errc::unsupported:
        case Errc::not_leader:
        case Errc::unavailable:
        case Errc::cancelled:
        case Errc::io:
        case Errc::corrupt:
        case Errc::internal: return Exit::failed;
    }
    return Exit::failed;
}

std::string to_string(const Failure& failure) {
    std::string text = fmt::format("tepui: {}: {}\n", failure.what, failure.why.text);
    if (!failure.next.empty()) text += fmt::format("  try: {}\n", failure.next);
    return text;
}

}  // namespace tepui::cli
