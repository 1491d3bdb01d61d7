#pragma once

#include <string_view>

namespace tepui {

/// Writes where and what was broken to standard error and aborts. Never returns.
[[noreturn]] void assertion_failed(std::string_view expression, std::string_view file, int line,
                                   std::string_view why);

}  // namespace tepui

/// A broken invariant of ours ends the process, in release builds too: going on would spread it.
/// Never for input, a peer, a disk or a user; those are Errors.
#define TEPUI_ASSERT(expression)                                            \
    do {                                                                    \
        if (!(expression)) [[unlikely]]                                     \
            ::tepui::assertion_failed(#expression, __FILE__, __LINE__, {}); \
    } while (false)

/// The same with a sentence that explains what the invariant protects.
#define TEPUI_ASSERT_WHY(expression, why)                                    \
    do {                                                                     \
        if (!(expression)) [[unlikely]]                                      \
            ::tepui::assertion_failed(#expression, __FILE__, __LINE__, why); \
    } while (false)
