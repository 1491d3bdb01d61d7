#pragma once

#include <functional>
#include <memory>
#include <utility>

#include <boost/asio/associated_executor.hpp>
#include <boost/asio/async_result.hpp>
#include <boost/asio/awaitable.hpp>
#include <boost/asio/post.hpp>
#include <boost/asio/use_awaitable.hpp>

namespace tepui::daemon {

namespace asio = boost::asio;

/// Suspends the coroutine until the callback that `start` is given was called, from whatever
/// thread; goes on on the coroutine's own executor. The callback counts once.
template <typename T, typename Start>
asio::awaitable<T> await_callback(Start start) {
    auto initiation = [start = std::move(start)](auto handler) mutable {
        auto shared = std::make_shared<decltype(handler)>(std::move(handler));
        std::function<void(T)> callback = [shared](T value) {
            const auto executor = asio::get_associated_executor(*shared);
            asio::post(executor, [shared, value = std::move(value)]() mutable {
                std::move (*shared)(std::move(value));
            });
        };
        start(std::move(callback));
    };
    return asio::async_initiate<const asio::use_awaitable_t<>&, void(T)>(std::move(initiation),
                                                                         asio::use_awaitable);
}

}  // namespace tepui::daemon
