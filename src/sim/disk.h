#pragma once

#include <deque>
#include <functional>
#include <map>
#include <optional>
#include <string>
#include <utility>
#include <vector>

#include "sim/timeline.h"

namespace tepui::sim {

/// A store that forgets what was not synced. It outlives the process that writes to it; crash()
/// keeps a random prefix of the batches under way, as a real disk may.
class Disk {
public:
    using Batch = std::vector<std::pair<std::string, std::optional<std::string>>>;

    explicit Disk(Timeline& timeline) : timeline_(timeline) {}

    const std::map<std::string, std::string>& durable() const { return durable_; }
    std::map<std::string, std::string>& durable() { return durable_; }

    /// Writes the batch whole, after those before it; then calls `done`, unless a crash came first.
    void commit(Batch batch, std::function<void()> done);
    void crash();
    void set_slow(bool slow) { slow_ = slow; }

private:
    void apply(const Batch& batch);
    void sync_next();

    Timeline& timeline_;
    std::map<std::string, std::string> durable_;
    std::deque<std::pair<Batch, std::function<void()>>> under_way_;
    std::uint64_t life_ = 0;  // Counts crashes: a sync of an earlier life does nothing.
    bool slow_ = false;
};

}  // namespace tepui::sim
