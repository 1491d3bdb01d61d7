#include "cli/run/matching.h"

#include <algorithm>

#include <fmt/core.h>
#include <fmt/ranges.h>

#include "cli/run/container.h"

namespace tepui::cli {

namespace {

using List = google::protobuf::RepeatedPtrField<mesos::v1::Resource>;

bool usable(const mesos::v1::Resource& resource) {
    if (resource.type() != mesos::v1::Value::SCALAR || !resource.has_scalar()) return false;
    if (resource.has_revocable() || resource.has_shared()) return false;
    return !resource.has_disk() ||
           !(resource.disk().has_persistence() || resource.disk().has_source());
}

/// Offers to a framework with RESERVATION_REFINEMENT carry reservations in this form only.
bool reserved(const mesos::v1::Resource& resource) { return resource.reservations_size() > 0; }

/// The usable resources that are left of one offer, reserved ones first.
class Remaining {
public:
    explicit Remaining(const mesos::v1::Offer& offer) {
        for (const bool with_reservation : {true, false}) {
            for (const auto& resource : offer.resources()) {
                if (resource.name() == "ports" && reserved(resource) == with_reservation &&
                    resource.type() == mesos::v1::Value::RANGES && !resource.has_revocable()) {
                    ports_.push_back(resource);
                    if (!resource.has_allocation_info() && offer.has_allocation_info())
                        *ports_.back().mutable_allocation_info() = offer.allocation_info();
                }
                if (!usable(resource) || reserved(resource) != with_reservation) continue;
                parts_.push_back({resource, Quantity::from_double(resource.scalar().value())});
                mesos::v1::Resource& kept = parts_.back().resource;
                if (!kept.has_allocation_info() && offer.has_allocation_info()) {
                    *kept.mutable_allocation_info() = offer.allocation_info();
                }
            }
        }
    }

    Quantity amount(std::string_view name) const {
        Quantity total;
        if (const auto port = needed_port(name)) {
            if (find_port(*port) != nullptr) total = Quantity::from_double(1);
            return total;
        }
        for (const Part& part : parts_) {
            if (part.resource.name() == name) total += part.left;
        }
        return total;
    }

    std::vector<Shortfall> shortfalls(const Needs& needs) const {
        std::vector<Shortfall> list;
        for (const auto& [name, wanted] : needs) {
            const Quantity offered = amount(name);
            if (offered < wanted) list.push_back({name, wanted, offered});
        }
        return list;
    }

    List take(const Needs& needs) {
        List taken;
        for (const auto& [name, wanted] : needs) {
            if (const auto port = needed_port(name)) {
                take_port(*port, taken);
                continue;
            }
            Quantity missing = wanted;
            for (Part& part : parts_) {
                if (part.resource.name() != name || missing.milli <= 0 || part.left.milli <= 0)
                    continue;
                const Quantity piece = std::min(part.left, missing);
                part.left -= piece;
                missing -= piece;
                auto* resource = taken.Add();
                *resource = part.resource;
                resource->mutable_scalar()->set_value(piece.to_double());
            }
        }
        return taken;
    }

private:
    struct Part {
        mesos::v1::Resource resource;
        Quantity left;
    };

    const mesos::v1::Resource* find_port(std::uint32_t port) const {
        if (std::ranges::find(ports_taken_, port) != ports_taken_.end()) return nullptr;
        for (const auto& resource : ports_) {
            for (const auto& range : resource.ranges().range()) {
                if (range.begin() <= port && port <= range.end()) return &resource;
            }
        }
        return nullptr;
    }

    void take_port(std::uint32_t port, List& taken) {
        const mesos::v1::Resource* resource = find_port(port);
        if (resource == nullptr) return;
        auto* piece = taken.Add();
        *piece = *resource;
        piece->clear_ranges();
        auto* range = piece->mutable_ranges()->add_range();
        range->set_begin(port);
        range->set_end(port);
        ports_taken_.push_back(port);
    }

    std::vector<Part> parts_;
    std::vector<mesos::v1::Resource> ports_;
    std::vector<std::uint32_t> ports_taken_;
};

/// How far from enough: the count of short resources, then the worst share that is missing.
std::pair<std::size_t, double> distance(const Miss& miss) {
    double worst = 0;
    for (const Shortfall& shortfall : miss.shortfalls) {
        const double wanted = shortfall.wanted.to_double();
        worst = std::max(worst, (wanted - shortfall.offered.to_double()) / wanted);
    }
    return {miss.shortfalls.size(), worst};
}

}  // namespace

Match match(const std::vector<mesos::v1::Offer>& offers, const Needs& needs,
            std::size_t instances) {
    std::vector<Remaining> remaining;
    for (const auto& offer : offers) remaining.emplace_back(offer);
    std::vector<Placement> placed(offers.size());

    for (bool progress = true; instances > 0 && progress;) {
        progress = false;
        for (std::size_t i = 0; i < offers.size() && instances > 0; ++i) {
            if (!remaining[i].shortfalls(needs).empty()) continue;
            placed[i].instances.push_back(remaining[i].take(needs));
            --instances;
            progress = true;
        }
    }

    Match result;
    for (std::size_t i = 0; i < offers.size(); ++i) {
        if (placed[i].instances.empty()) {
            result.unused.push_back(i);
        } else {
            placed[i].offer = i;
            result.placements.push_back(std::move(placed[i]));
        }
    }
    if (!result.placements.empty()) return result;
    for (std::size_t i = 0; i < offers.size(); ++i) {
        Miss miss{offers[i].hostname(), remaining[i].shortfalls(needs)};
        if (miss.shortfalls.empty()) continue;
        if (!result.nearest || distance(miss) < distance(*result.nearest)) {
            result.nearest = std::move(miss);
        }
    }
    return result;
}

std::string to_string(const Miss& miss) {
    std::vector<std::string> parts;
    for (const Shortfall& shortfall : miss.shortfalls) {
        parts.push_back(fmt::format("{} {} of {}", shortfall.resource, to_string(shortfall.offered),
                                    to_string(shortfall.wanted)));
    }
    return fmt::format("{} has {}", miss.hostname, fmt::join(parts, " and "));
}

}  // namespace tepui::cli
