#include "master/core/tally.h"

#include <fmt/format.h>

#include <algorithm>
#include <cctype>
#include <numeric>

#include "master/core/state.h"
#include "master/core/turn.h"

namespace tepui::master {
namespace {

std::string lower(std::string text) {
    std::ranges::transform(text, text.begin(), [](unsigned char c) { return std::tolower(c); });
    return text;
}

}  // namespace

std::uint64_t CountByNumber::sum() const {
    return std::accumulate(counts.begin(), counts.end(), std::uint64_t{0});
}

void FrameworkTally::sent(const mesos::v1::scheduler::Event& event) {
    using Event = mesos::v1::scheduler::Event;
    events.add(event.type());
    // Every subscription that succeeds is told so: this counts the SUBSCRIBE calls.
    if (event.type() == Event::SUBSCRIBED) calls.add(mesos::v1::scheduler::Call::SUBSCRIBE);
    if (event.type() == Event::OFFERS) offers_sent += event.offers().offers_size();
    if (event.type() == Event::RESCIND) ++offers_rescinded;
}

void count_end(Turn& turn, const Framework& framework, mesos::v1::TaskState state,
               const mesos::v1::TaskStatus* status) {
    const std::string name = lower(mesos::v1::TaskState_Name(state));  // "task_failed"
    turn.count("tasks_" + name.substr(std::string_view("task_").size()));
    framework.tally.ended.add(state);
    if (status == nullptr || !status->has_source() || !status->has_reason()) return;
    turn.count(fmt::format("{}/{}/{}", name,
                           lower(mesos::v1::TaskStatus::Source_Name(status->source())),
                           lower(mesos::v1::TaskStatus::Reason_Name(status->reason()))));
}

}  // namespace tepui::master
