#include "cli/client/terminal.h"

#include <sys/ioctl.h>
#include <termios.h>

namespace tepui::cli {

std::optional<WindowSize> window_size(int descriptor) {
    winsize size{};
    if (::ioctl(descriptor, TIOCGWINSZ, &size) != 0) return std::nullopt;
    return WindowSize{size.ws_row, size.ws_col};
}

struct RawTerminal::Saved {
    termios settings;
};

RawTerminal::RawTerminal(int descriptor) : descriptor_(descriptor) {
    termios settings{};
    if (::tcgetattr(descriptor, &settings) != 0) return;
    saved_ = std::make_unique<Saved>(Saved{settings});
    ::cfmakeraw(&settings);
    ::tcsetattr(descriptor, TCSADRAIN, &settings);
}

RawTerminal::~RawTerminal() {
    if (saved_) ::tcsetattr(descriptor_, TCSADRAIN, &saved_->settings);
}

std::string DetachKeys::pass(std::string_view typed) {
    constexpr char ctrl_p = 0x10;
    constexpr char ctrl_q = 0x11;
    std::string passed;
    for (const char key : typed) {
        if (half_ && key == ctrl_q) {
            detached_ = true;
            return passed;
        }
        if (half_) passed += ctrl_p;
        half_ = key == ctrl_p;
        if (!half_) passed += key;
    }
    return passed;
}

}  // namespace tepui::cli
