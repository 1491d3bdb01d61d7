#include "cli/daemon/signals.h"

#include <algorithm>
#include <csignal>
#include <cstring>
#include <thread>

#include <fmt/core.h>
#include <unistd.h>
#include <boost/asio.hpp>

#include "cli/exit_code.h"

namespace tepui::cli {

namespace asio = boost::asio;

class SignalEnd::Impl {
public:
    Impl(std::string daemon, std::vector<EndSignal> signals, std::function<void(int)> begin)
        : daemon_(std::move(daemon)), ends_(std::move(signals)), begin_(std::move(begin)) {
        std::signal(SIGPIPE, SIG_IGN);
        for (const EndSignal& end : ends_) signals_.add(end.number);
        wait();
        thread_ = std::thread([this] { loop_.run(); });
    }

    ~Impl() {
        // The deadline goes on until `begin` has returned.
        asio::post(loop_, [this] { is_closing_ = true, close_if_idle(); });
        thread_.join();
        if (beginner_.joinable()) beginner_.join();
    }

private:
    void wait() {
        signals_.async_wait([this](boost::system::error_code error, int signal) {
            if (error) return;
            on_signal(signal);
            wait();
        });
    }

    void on_signal(int signal) {
        if (has_begun_) {
            end_at_once(fmt::format("signal {} again", ::sigabbrev_np(signal)), 128 + signal);
        }
        has_begun_ = is_beginning_ = true;
        beginner_ = std::thread([this, signal] {
            begin_(signal);
            asio::post(loop_, [this] { is_beginning_ = false, close_if_idle(); });
        });
        const auto end = std::find_if(ends_.begin(), ends_.end(),
                                      [&](const EndSignal& each) { return each.number == signal; });
        if (end == ends_.end() || !end->deadline) return;
        deadline_.expires_after(
            std::chrono::duration_cast<asio::steady_timer::duration>(*end->deadline));
        deadline_.async_wait(
            [this, text = format_duration(*end->deadline)](boost::system::error_code error) {
                if (error) return;
                end_at_once("no orderly end within " + text, static_cast<int>(Exit::timeout));
            });
    }

    void close_if_idle() {
        if (is_closing_ && !is_beginning_) loop_.stop();
    }

    [[noreturn]] void end_at_once(const std::string& why, int status) const {
        const std::string line = fmt::format("tepui: {}: {}: ending at once\n", daemon_, why);
        // Nobody is left to tell of a failure to write.
        [[maybe_unused]] const ssize_t written = ::write(STDERR_FILENO, line.data(), line.size());
        ::_exit(status);
    }

    const std::string daemon_;
    const std::vector<EndSignal> ends_;
    const std::function<void(int)> begin_;
    asio::io_context loop_{1};
    asio::signal_set signals_{loop_};
    asio::steady_timer deadline_{loop_};
    // The loop's thread only.
    bool has_begun_ = false;
    bool is_beginning_ = false;
    bool is_closing_ = false;
    std::thread beginner_;
    std::thread thread_;
};

SignalEnd::SignalEnd(std::string daemon, std::vector<EndSignal> signals,
                     std::function<void(int)> begin)
    : impl_(std::make_unique<Impl>(std::move(daemon), std::move(signals), std::move(begin))) {}

SignalEnd::~SignalEnd() = default;

}  // namespace tepui::cli
