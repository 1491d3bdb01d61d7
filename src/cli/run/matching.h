#pragma once

#include <optional>
#include <string>
#include <vector>

#include "cli/run/spec.h"
#include "mesos/v1/mesos.pb.h"

namespace tepui::cli {

/// A resource of which an offer has too little.
struct Shortfall {
    std::string resource;
    Quantity wanted;
    Quantity offered;
    bool operator==(const Shortfall&) const = default;
};

/// Why an offer holds not one instance.
struct Miss {
    std::string hostname;
    std::vector<Shortfall> shortfalls;  // Never empty.
    bool operator==(const Miss&) const = default;
};

/// What one offer is used for: for each instance put there, the resources it takes.
struct Placement {
    std::size_t offer = 0;  // Index into the offers.
    std::vector<google::protobuf::RepeatedPtrField<mesos::v1::Resource>> instances;
};

struct Match {
    std::vector<Placement> placements;  // By offer index; none is empty.
    std::vector<std::size_t> unused;    // Indexes of offers that hold nothing.
    /// The offer that came nearest, when none of them fitted an instance.
    std::optional<Miss> nearest;
};

/// Spreads `instances` over the offers, one an offer and round, as far as they fit. Takes from an
/// offer's reserved resources first, then from the others; never takes revocable or shared ones,
/// nor disks that are volumes. The resources keep their reservation and allocation. Pure.
Match match(const std::vector<mesos::v1::Offer>& offers, const Needs& needs, std::size_t instances);

/// "agent-1.example has cpus 2 of 4 and mem 100 of 512".
std::string to_string(const Miss& miss);

}  // namespace tepui::cli
