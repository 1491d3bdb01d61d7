#pragma once

#include <functional>
#include <memory>
#include <string>
#include <vector>

#include "sim/channel.h"

namespace tepui::sim {

/// All connections of a world, so that faults can find them.
class Network {
public:
    explicit Network(Timeline& timeline) : timeline_(timeline) {}

    /// A new connection from the node called `name` to the master; blocked at once if that node is
    /// partitioned.
    std::shared_ptr<Channel> connect(const std::string& name);
    /// Holds back what flows to and/or from that node, for connections of now and later.
    void partition(const std::string& name, bool to_node, bool from_node);
    /// Ends the partition; what was held back arrives, or its connection has broken meanwhile.
    void heal(const std::string& name);
    /// Breaks one random open connection.
    void break_one();

private:
    struct Entry {
        std::string name;
        std::shared_ptr<Channel> channel;
    };
    struct Partition {
        std::string name;
        bool to_node = false;
        bool from_node = false;
    };
    void forget_closed();
    void apply(const Entry& entry);

    Timeline& timeline_;
    std::vector<Entry> entries_;
    std::vector<Partition> partitions_;
};

}  // namespace tepui::sim
