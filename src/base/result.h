#pragma once

#include <expected>
#include <utility>

#include <fmt/core.h>

#include "base/error.h"

namespace tepui {

/// The value, or the expected failure that stands in its place.
template <typename T>
using Result = std::expected<T, Error>;

/// Makes a failure whose text is formatted: `return fail(Errc::not_found, "no agent {}", id);`
template <typename... Args>
std::unexpected<Error> fail(Errc code, fmt::format_string<Args...> format, Args&&... args) {
    return std::unexpected<Error>(Error{code, fmt::format(format, std::forward<Args>(args)...)});
}

/// Passes an error on with `context` in front of its text: "reading /x: no such file".
inline std::unexpected<Error> fail_with(std::string_view context, const Error& error) {
    return std::unexpected<Error>(Error{error.code, fmt::format("{}: {}", context, error.text)});
}

}  // namespace tepui

#define TEPUI_CONCAT_INNER(a, b) a##b
#define TEPUI_CONCAT(a, b) TEPUI_CONCAT_INNER(a, b)

/// The value of a Result expression, or return its error. Not for use around `co_await`.
#define TEPUI_TRY(expression)                                                        \
    ({                                                                               \
        auto tepui_result = (expression);                                            \
        if (!tepui_result)                                                           \
            return std::unexpected<::tepui::Error>(std::move(tepui_result).error()); \
        std::move(tepui_result).value();                                             \
    })

/// Returns the error of a Result<void> expression, if it has one. Not for use around `co_await`.
#define TEPUI_CHECK_OK(expression)                                                   \
    do {                                                                             \
        auto tepui_result = (expression);                                            \
        if (!tepui_result)                                                           \
            return std::unexpected<::tepui::Error>(std::move(tepui_result).error()); \
    } while (false)

/// In a coroutine: declares from a Result, or co_returns its error.
///   TEPUI_CO_ASSIGN(auto body, co_await read(socket));
#define TEPUI_CO_ASSIGN_INNER(result, declaration, expression)                         \
    auto result = expression;                                                          \
    if (!result) co_return std::unexpected<::tepui::Error>(std::move(result).error()); \
    declaration = std::move(result).value()
#define TEPUI_CO_ASSIGN(declaration, expression) \
    TEPUI_CO_ASSIGN_INNER(TEPUI_CONCAT(tepui_result_, __LINE__), declaration, expression)

/// In a coroutine: co_returns the error of a Result<void> expression, if it has one.
#define TEPUI_CO_CHECK_OK_INNER(result, expression) \
    auto result = expression;                       \
    if (!result) co_return std::unexpected<::tepui::Error>(std::move(result).error())
#define TEPUI_CO_CHECK_OK(expression) \
    TEPUI_CO_CHECK_OK_INNER(TEPUI_CONCAT(tepui_result_, __LINE__), expression)
