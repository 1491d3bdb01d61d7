#include "sim/disk.h"

namespace tepui::sim {

void Disk::commit(Batch batch, std::function<void()> done) {
    under_way_.emplace_back(std::move(batch), std::move(done));
    if (under_way_.size() == 1) sync_next();
}

void Disk::sync_next() {
    const Duration longest = slow_ ? Duration{2s} : Duration{5ms};
    timeline_.after(timeline_.between(100us, longest), [this, life = life_] {
        if (life != life_ || under_way_.empty()) return;
        auto [batch, done] = std::move(under_way_.front());
        under_way_.pop_front();
        apply(batch);
        if (!under_way_.empty()) sync_next();
        done();
    });
}

void Disk::crash() {
    ++life_;
    const std::uint64_t kept = timeline_.prng().below(under_way_.size() + 1);
    for (std::uint64_t i = 0; i < kept; ++i) apply(under_way_[i].first);
    under_way_.clear();
}

void Disk::apply(const Batch& batch) {
    for (const auto& [key, value] : batch) {
        if (value) {
            durable_.insert_or_assign(key, *value);
        } else {
            durable_.erase(key);
        }
    }
}

}  // namespace tepui::sim
