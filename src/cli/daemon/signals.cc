#include "cli/daemon/signals.h"

#include <csignal>
#include <thread>

#include <boost/asio.hpp>

namespace tepui::cli {

namespace asio = boost::asio;

class SignalThread::Impl {
public:
    Impl(const std::vector<int>& signals, std::function<void(int)> on_signal)
        : on_signal_(std::move(on_signal)), signals_(loop_) {
        std::signal(SIGPIPE, SIG_IGN);
        for (const int signal : signals) signals_.add(signal);
        wait();
        thread_ = std::thread([this] { loop_.run(); });
    }

    ~Impl() {
        loop_.stop();
        thread_.join();
    }

private:
    void wait() {
        signals_.async_wait([this](boost::system::error_code error, int signal) {
            if (error) return;
            on_signal_(signal);
            wait();
        });
    }

    std::function<void(int)> on_signal_;
    asio::io_context loop_{1};
    asio::signal_set signals_;
    std::thread thread_;
};

SignalThread::SignalThread(const std::vector<int>& signals, std::function<void(int)> on_signal)
    : impl_(std::make_unique<Impl>(signals, std::move(on_signal))) {}

SignalThread::~SignalThread() = default;

}  // namespace tepui::cli
