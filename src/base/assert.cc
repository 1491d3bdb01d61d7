#include "base/assert.h"

#include <cstdio>
#include <cstdlib>

#include <fmt/core.h>

namespace tepui {

void assertion_failed(std::string_view expression, std::string_view file, int line,
                      std::string_view why) {
    const std::string text = fmt::format("{}:{}: broken invariant: {}{}{}\n", file, line,
                                         expression, why.empty() ? "" : ": ", why);
    std::fwrite(text.data(), 1, text.size(), stderr);
    std::fflush(stderr);
    std::abort();
}

}  // namespace tepui
