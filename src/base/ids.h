#pragma once

#include <compare>
#include <functional>
#include <string>
#include <string_view>
#include <utility>

#include <fmt/format.h>

namespace tepui {

/// A string with a meaning of its own: ids of different tags don't mix.
template <typename Tag>
struct Id {
    std::string value;

    Id() = default;
    explicit Id(std::string text) : value(std::move(text)) {}
    explicit Id(std::string_view text) : value(text) {}
    explicit Id(const char* text) : value(text) {}

    bool empty() const { return value.empty(); }
    auto operator<=>(const Id&) const = default;
};

using FrameworkId = Id<struct FrameworkTag>;
using AgentId = Id<struct AgentTag>;
using TaskId = Id<struct TaskTag>;
using ExecutorId = Id<struct ExecutorTag>;
using OfferId = Id<struct OfferTag>;
using ContainerId = Id<struct ContainerTag>;
using OperationId = Id<struct OperationTag>;
/// Mesos-Stream-Id: one scheduler subscription.
using StreamId = Id<struct StreamTag>;

}  // namespace tepui

template <typename Tag>
struct std::hash<tepui::Id<Tag>> {
    std::size_t operator()(const tepui::Id<Tag>& id) const noexcept {
        return std::hash<std::string>{}(id.value);
    }
};

template <typename Tag>
struct fmt::formatter<tepui::Id<Tag>> : fmt::formatter<std::string_view> {
    template <typename Context>
    auto format(const tepui::Id<Tag>& id, Context& context) const {
        return fmt::formatter<std::string_view>::format(id.value, context);
    }
};
