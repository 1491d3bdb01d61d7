#include "master/core/fuzz_messages_testing.h"

// What operators and schedulers say of maintenance and draining.
namespace tepui::master::testing {

namespace {

constexpr std::int64_t moments[] = {0, 1, -1, INT64_MAX, INT64_MIN, 1'700'000'000'000'000'000};
const char* const ips[] = {"", "10.0.0.1", "10.0.0.2", "nowhere"};

}  // namespace

mesos::v1::MachineID FuzzMessages::machine() {
    mesos::v1::MachineID id;
    id.set_hostname(in_.rarely() ? "" : name("node"));
    id.set_ip(in_.of(ips));
    return id;
}

std::vector<mesos::v1::MachineID> FuzzMessages::machines() {
    std::vector<mesos::v1::MachineID> machines;
    for (std::size_t i = 0, more = in_.below(3); i <= more; ++i) machines.push_back(machine());
    return machines;
}

mesos::v1::maintenance::Schedule FuzzMessages::schedule() {
    mesos::v1::maintenance::Schedule schedule;
    for (std::size_t i = in_.below(3); i > 0; --i) {
        auto& window = *schedule.add_windows();
        for (const auto& id : machines()) *window.add_machine_ids() = id;
        auto& unavailability = *window.mutable_unavailability();
        unavailability.mutable_start()->set_nanoseconds(in_.of(moments));
        if (in_.flag()) unavailability.mutable_duration()->set_nanoseconds(in_.of(moments));
    }
    twist(schedule);
    return schedule;
}

mesos::v1::DrainConfig FuzzMessages::drain_config() {
    mesos::v1::DrainConfig config;
    if (in_.flag()) config.mutable_max_grace_period()->set_nanoseconds(in_.of(moments));
    if (in_.flag()) config.set_mark_gone(in_.flag());
    twist(config);
    return config;
}

void FuzzMessages::fill_inverse_answer(Call& call) {
    const bool accepts = call.type() == Call::ACCEPT_INVERSE_OFFERS;
    auto& ids = accepts ? *call.mutable_accept_inverse_offers()->mutable_inverse_offer_ids()
                        : *call.mutable_decline_inverse_offers()->mutable_inverse_offer_ids();
    const State& state = world_.state();
    for (std::size_t i = 0, more = in_.below(3); i <= more; ++i) {
        if (state.inverse_offers.empty() || in_.rarely()) {
            ids.Add()->set_value(offer().value);
            continue;
        }
        auto it = state.inverse_offers.begin();
        std::advance(it, static_cast<std::ptrdiff_t>(in_.below(state.inverse_offers.size())));
        ids.Add()->set_value(it->first.value);
        if (!in_.rarely()) call.mutable_framework_id()->set_value(it->second.framework.value);
    }
    if (!in_.flag()) return;
    auto& filters = accepts ? *call.mutable_accept_inverse_offers()->mutable_filters()
                            : *call.mutable_decline_inverse_offers()->mutable_filters();
    filters.set_refuse_seconds(number());
}

}  // namespace tepui::master::testing
