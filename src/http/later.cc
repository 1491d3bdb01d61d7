#include "http/later.h"

#include <boost/asio.hpp>

#include "base/assert.h"
#include "http/connection.h"

namespace tepui::http {

void LaterResponse::set(Response response) {
    TEPUI_ASSERT_WHY(!response.stream && !response.upgrade && !response.later,
                     "only a whole answer may come later");
    std::function<void()> then;
    {
        const std::scoped_lock lock(mutex_);
        TEPUI_ASSERT_WHY(!response_, "a request is answered once");
        response_ = std::move(response);
        then.swap(then_);
    }
    if (then) then();
}

void LaterResponse::on_set(std::function<void()> then) {
    {
        const std::scoped_lock lock(mutex_);
        if (!response_) {
            then_ = std::move(then);
            return;
        }
    }
    then();
}

asio::awaitable<void> LaterResponse::wait() {
    {
        const std::scoped_lock lock(mutex_);
        if (response_) co_return;
    }
    auto initiation = [this](auto handler) {
        auto shared = std::make_shared<decltype(handler)>(std::move(handler));
        on_set([shared] {
            const auto executor = asio::get_associated_executor(*shared);
            asio::post(executor, [shared] { std::move (*shared)(); });
        });
    };
    co_await asio::async_initiate<const asio::use_awaitable_t<>&, void()>(std::move(initiation),
                                                                          asio::use_awaitable);
}

Response LaterResponse::take() {
    const std::scoped_lock lock(mutex_);
    return std::move(*response_);
}

/// Whether the next request may be taken before this one is answered: it was received already, and
/// nothing about this one's answer ends the connection.
bool Connection::may_go_ahead() const {
    return keep_alive_ && !is_http10_ && begin_ < end_ && in_flight_.size() < in_flight_max;
}

/// Waits for the answers of the requests that were handled ahead, and writes them all at once.
asio::awaitable<bool> Connection::settle() {
    if (in_flight_.empty()) co_return !is_given_up_;
    set_deadline(Phase::handling, Duration::max());
    {
        const RunningHandler running(core_->handlers_running);
        // Answers mostly come in order: who waits for the last one first is woken once.
        for (auto it = in_flight_.rbegin(); it != in_flight_.rend(); ++it)
            co_await it->answer->wait();
    }
    if (is_given_up_) co_return false;
    if (core_->is_stopping || is_stopping_) keep_alive_ = in_flight_.back().form.keep_alive = false;
    out_.clear();
    for (const InFlight& request : in_flight_) {
        std::string compressed;
        out_.append(append(request.answer->take(), request.form, compressed));
    }
    in_flight_.clear();
    co_return co_await write(out_);
}

/// settle() before more is read, without a change of what the reader waits for.
asio::awaitable<bool> Connection::settle_before_reading() {
    const Phase phase = phase_;
    const Clock::time_point deadline = deadline_;
    const Clock::time_point begin = Clock::now();
    if (!co_await settle()) co_return false;
    phase_ = phase;
    deadline_ = deadline == Clock::time_point::max() ? deadline : deadline + (Clock::now() - begin);
    co_return !core_->is_stopping && !is_stopping_;
}

}  // namespace tepui::http
