#pragma once

#include <cstdint>
#include <memory>
#include <optional>
#include <string>
#include <string_view>

namespace tepui::cli {

struct WindowSize {
    std::uint16_t rows = 0;
    std::uint16_t columns = 0;
};
/// Of the terminal on `descriptor`; nothing when it is none.
std::optional<WindowSize> window_size(int descriptor);

/// While it lives, the terminal gives every key as it is typed and changes nothing of what is
/// written to it.
class RawTerminal {
public:
    explicit RawTerminal(int descriptor);
    RawTerminal(const RawTerminal&) = delete;
    RawTerminal& operator=(const RawTerminal&) = delete;
    ~RawTerminal();

private:
    struct Saved;
    int descriptor_;
    std::unique_ptr<Saved> saved_;  // Null: it was no terminal.
};

/// Finds Ctrl-P Ctrl-Q among what is typed. A Ctrl-P is kept until it is known what follows.
class DetachKeys {
public:
    /// What to pass on of `typed`; once `detached()`, the rest is dropped.
    std::string pass(std::string_view typed);
    bool detached() const { return detached_; }

private:
    bool half_ = false;
    bool detached_ = false;
};

}  // namespace tepui::cli
