#include "sim/network.h"

#include <utility>

namespace tepui::sim {

std::shared_ptr<Channel> Network::connect(const std::string& name) {
    forget_closed();
    entries_.push_back({name, std::make_shared<Channel>(timeline_)});
    apply(entries_.back());
    return entries_.back().channel;
}

void Network::apply(const Entry& entry) {
    for (const Partition& partition : partitions_) {
        if (partition.name != entry.name) continue;
        if (partition.to_node) entry.channel->block_towards(Channel::Side::a);
        if (partition.from_node) entry.channel->block_towards(Channel::Side::b);
    }
}

void Network::partition(const std::string& name, bool to_node, bool from_node) {
    partitions_.push_back({name, to_node, from_node});
    for (const Entry& entry : entries_) apply(entry);
}

void Network::heal(const std::string& name) {
    std::erase_if(partitions_, [&](const Partition& partition) { return partition.name == name; });
    const std::vector<Entry> entries = entries_;
    for (const Entry& entry : entries) {
        if (entry.name != name) continue;
        if (timeline_.chance(0.5)) {
            entry.channel->resume();
        } else {
            entry.channel->break_off();
        }
    }
}

void Network::break_one() {
    forget_closed();
    if (!entries_.empty()) entries_[timeline_.prng().below(entries_.size())].channel->break_off();
}

void Network::forget_closed() {
    std::erase_if(entries_, [](const Entry& entry) { return !entry.channel->open(); });
}

}  // namespace tepui::sim
