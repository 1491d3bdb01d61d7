#pragma once

#include <cstdint>
#include <map>
#include <memory>
#include <optional>
#include <string>

#include "master/core/core.h"
#include "sim/channel.h"
#include "sim/disk.h"
#include "sim/faults.h"
#include "sim/ground_truth.h"
#include "sim/preemption_oracle.h"
#include "sim/sharing_oracle.h"
#include "sim/timeline.h"
#include "wire/media.h"

namespace tepui::sim {

/// The real master core in a simulated process: it can die between any two effects and begins anew
/// from its disk.
class MasterNode {
public:
    MasterNode(Timeline& timeline, GroundTruth& truth, const Faults& faults);

    void start();
    void crash();
    bool alive() const { return core_ != nullptr; }
    std::string name() const { return "master"; }
    const master::Core& core() const { return *core_; }
    Disk& disk() { return disk_; }
    const PreemptionOracle& preemption() const { return preemption_; }
    /// From now on nothing but what the caller does goes wrong.
    void stop_faults() { faults_ = Faults::none(); }

    /// A new agent connection; messages are link.proto frames.
    void accept_agent(std::shared_ptr<Channel> channel);
    /// A new subscription: `call` as encoded. Events flow back on the channel, the stream's id
    /// first. False when nobody listens.
    bool subscribe(std::shared_ptr<Channel> channel, wire::Media media, const std::string& call);
    /// Any other call; the answer is what the HTTP status would be.
    unsigned call(wire::Media media, const std::string& call, const StreamId& stream);

    /// An operator asks something; nobody waits for the answer.
    void request(master::Event event) { step(std::move(event)); }
    /// The file with the whitelist changed; it is empty again when the master begins anew.
    void set_whitelist(std::optional<std::set<std::string>> hostnames);

private:
    void step(master::Event event);
    void perform(master::Effects effects);
    void perform_one(const master::Effect& effect);
    void persist(const master::PersistWrites& persist);
    void arm();
    void check_ledger();
    void check_reservations();
    void check_drains();
    void check_inverse_offers();
    void note_kills(const link::ToAgent& frame);

    struct Subscription {
        std::shared_ptr<Channel> channel;
        wire::Media media;
    };

    Timeline& timeline_;
    GroundTruth& truth_;
    Faults faults_;
    Disk disk_;
    std::unique_ptr<master::Core> core_;
    SharingOracle sharing_;
    PreemptionOracle preemption_;
    std::uint64_t life_ = 0;  // Counts starts and crashes: what an earlier life asked for is void.
    Instant armed_ = Instant::max();
    std::uint64_t steps_ = 0;
    std::uint64_t next_link_ = 1;
    std::uint64_t next_stream_ = 1;
    std::map<master::LinkId, std::shared_ptr<Channel>> links_;
    std::map<StreamId, Subscription> streams_;
};

}  // namespace tepui::sim
