#pragma once

#include <atomic>
#include <memory>

namespace tepui {

/// Gives write access to a version that readers on other threads may share: copies it when they do.
/// Every version must have been made as an object that is not const.
template <typename T>
T& edit(std::shared_ptr<const T>& shared) {
    if (shared.use_count() != 1) {
        shared = std::make_shared<T>(*shared);
    } else {
        // A reader on another thread may just have let go; its reads come before our writes.
        std::atomic_thread_fence(std::memory_order_acquire);
    }
    return const_cast<T&>(*shared);
}

}  // namespace tepui
