#pragma once

#include <cstddef>
#include <cstdint>
#include <optional>
#include <vector>

#include "allocator/role_tree.h"
#include "base/time.h"

namespace tepui::allocator {

/// What clients refused on one agent. Equal refusals share their resources, so that a thousand
/// clients that declined the same offer cost one comparison and a bit each.
class Refusals {
public:
    using Mask = std::vector<std::uint64_t>;  // A bit a client.

    struct Added {
        std::uint32_t group = 0;  // For expire().
        Instant deadline;         // The later one, if the client refused just that before.
        bool is_new = false;
    };
    Added add(ClientHandle client, const Resources& refused, Instant deadline);
    /// Ends the refusal if `deadline` is still its end; false for one that was replaced or
    /// forgotten.
    bool expire(ClientHandle client, std::uint32_t group, Instant deadline);
    bool is_live(ClientHandle client, std::uint32_t group, Instant deadline) const;
    /// Returns how many there were.
    std::size_t forget(ClientHandle client);
    std::size_t size() const;

    /// Until when something keeps `offer` from the client; of what is over by `now` nothing does.
    std::optional<Instant> blocked_until(ClientHandle client, const Resources& offer,
                                         Instant now) const;
    bool blocks(ClientHandle client, const Resources& offer) const;
    /// The clients that `offer` is blocked for, in `mask` (cleared first).
    void blocked(const Resources& offer, Mask& mask) const;

private:
    struct Refusal {
        ClientHandle client = 0;
        Instant deadline;
    };
    struct Group {
        std::uint32_t number = 0;
        Resources refused;
        Mask mask;
        std::vector<Refusal> refusals;  // By client.
    };
    std::vector<Group> groups_;
    std::uint32_t next_group_ = 0;
};

inline bool is_set(const Refusals::Mask& mask, ClientHandle client) {
    return client / 64 < mask.size() && (mask[client / 64] >> (client % 64) & 1) != 0;
}

inline void set_bit(Refusals::Mask& mask, ClientHandle client, bool on) {
    if (mask.size() <= client / 64) mask.resize(client / 64 + 1);
    const auto bit = std::uint64_t{1} << (client % 64);
    mask[client / 64] = on ? mask[client / 64] | bit : mask[client / 64] & ~bit;
}

/// The ends of all refusals, earliest first. Holds entries of forgotten ones until their time comes
/// or there are more of them than of others.
class Deadlines {
public:
    struct Entry {
        Instant deadline;
        std::uint32_t agent = 0;
        ClientHandle client = 0;
        std::uint32_t group = 0;
    };

    void push(Entry entry);
    /// Instant::max() when there is none.
    Instant next() const;
    Entry pop();
    std::size_t size() const { return heap_.size(); }
    bool empty() const { return heap_.empty(); }
    template <typename Keep>
    void retain(Keep keep) {
        std::erase_if(heap_, [&](const Entry& entry) { return !keep(entry); });
        rebuild();
    }

private:
    void rebuild();
    std::vector<Entry> heap_;
};

}  // namespace tepui::allocator
