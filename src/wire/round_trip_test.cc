// Messages to JSON and back, made-up ones and recorded ones.

#include <google/protobuf/util/message_differencer.h>
#include <gtest/gtest.h>
#include <rapidcheck/gtest.h>

#include <fstream>

#include "mesos/v1/agent/agent.pb.h"
#include "mesos/v1/executor/executor.pb.h"
#include "mesos/v1/maintenance/maintenance.pb.h"
#include "mesos/v1/master/master.pb.h"
#include "mesos/v1/quota/quota.pb.h"
#include "mesos/v1/resource_provider/resource_provider.pb.h"
#include "mesos/v1/scheduler/scheduler.pb.h"
#include "wire/media.h"
#include "wire/random_message_testing.h"

namespace tepui::wire {
namespace {

namespace v1 = mesos::v1;
using google::protobuf::Message;

template <typename T>
std::unique_ptr<Message> make() {
    return std::make_unique<T>();
}

struct RootType {
    const char* name;
    std::unique_ptr<Message> (*make)();
};

const RootType root_types[] = {
    {"scheduler call", make<v1::scheduler::Call>},
    {"scheduler event", make<v1::scheduler::Event>},
    {"scheduler response", make<v1::scheduler::Response>},
    {"executor call", make<v1::executor::Call>},
    {"executor event", make<v1::executor::Event>},
    {"master call", make<v1::master::Call>},
    {"master response", make<v1::master::Response>},
    {"master event", make<v1::master::Event>},
    {"agent call", make<v1::agent::Call>},
    {"agent response", make<v1::agent::Response>},
    {"process output", make<v1::agent::ProcessIO>},
    {"provider call", make<v1::resource_provider::Call>},
    {"provider event", make<v1::resource_provider::Event>},
    {"maintenance schedule", make<v1::maintenance::Schedule>},
    {"quota request", make<v1::quota::QuotaRequest>},
};

/// A message whose unset fields with defaults were written comes back with them set; that is the
/// same message, so "equivalent" is the right comparison.
void expect_round_trip(const Message& message) {
    using google::protobuf::util::MessageDifferencer;
    const std::string json = message_to_json(message);
    RC_ASSERT(std::ranges::all_of(json, [](char c) { return c >= 0x20 && c <= 0x7f; }));
    const std::unique_ptr<Message> back(message.New());
    const auto read = json_to_message(json, *back);
    RC_ASSERT(read.has_value());
    RC_ASSERT(MessageDifferencer::Equivalent(message, *back));
    RC_ASSERT(message_to_json(*back) == json);

    const std::string bytes = encode(Media::protobuf, message);
    RC_ASSERT(decode(Media::protobuf, bytes, *back).has_value());
    RC_ASSERT(message_to_json(*back) == json);
}

class RoundTrip : public testing::TestWithParam<RootType> {};

TEST_P(RoundTrip, KeepsAnyMessage) {
    rc::detail::checkGTest([] {
        Prng prng(*rc::gen::arbitrary<std::uint64_t>());
        const auto message = GetParam().make();
        fill_randomly(*message, prng, *rc::gen::inRange(1, 5));
        expect_round_trip(*message);
    });
}

std::string test_name(const testing::TestParamInfo<RootType>& info) {
    std::string name = info.param.name;
    std::ranges::replace(name, ' ', '_');
    return name;
}
INSTANTIATE_TEST_SUITE_P(EveryRoot, RoundTrip, testing::ValuesIn(root_types), test_name);

/// Recorded from Apache Mesos 1.12: one JSON text a line, as it was on the wire. Long lists were
/// cut.
struct Recording {
    const char* file;
    std::unique_ptr<Message> (*make)();
    std::size_t lines_min;
};

std::vector<std::string> lines_of(const std::string& file) {
    std::ifstream in(std::string(TEPUI_SOURCE_DIR "/api/golden/") + file);
    std::vector<std::string> lines;
    for (std::string line; std::getline(in, line);) lines.push_back(line);
    return lines;
}

TEST(Recorded, AnswersAndEventsAreWrittenAsMesosWroteThem) {
    const Recording recordings[] = {
        {"scheduler-events.jsonl", make<v1::scheduler::Event>, 20},
        {"executor-events.jsonl", make<v1::executor::Event>, 8},
        {"operator-events.jsonl", make<v1::master::Event>, 15},
        {"master-responses.jsonl", make<v1::master::Response>, 15},
        {"agent-responses.jsonl", make<v1::agent::Response>, 10},
    };
    for (const Recording& recording : recordings) {
        const auto lines = lines_of(recording.file);
        EXPECT_GE(lines.size(), recording.lines_min) << recording.file;
        for (std::size_t i = 0; i < lines.size(); ++i) {
            SCOPED_TRACE(fmt::format("{}:{}", recording.file, i + 1));
            const auto message = recording.make();
            const auto read = json_to_message(lines[i], *message);
            ASSERT_TRUE(read) << read.error().text;
            EXPECT_EQ(message_to_json(*message), lines[i]);
        }
    }
}

/// Clients leave out and order as they like, so calls are compared as messages.
TEST(Recorded, CallsAreUnderstood) {
    const Recording recordings[] = {
        {"master-calls.jsonl", make<v1::master::Call>, 25},
        {"agent-calls.jsonl", make<v1::agent::Call>, 15},
    };
    for (const Recording& recording : recordings) {
        const auto lines = lines_of(recording.file);
        EXPECT_GE(lines.size(), recording.lines_min) << recording.file;
        for (std::size_t i = 0; i < lines.size(); ++i) {
            SCOPED_TRACE(fmt::format("{}:{}", recording.file, i + 1));
            const auto call = recording.make();
            const auto read = json_to_message(lines[i], *call);
            ASSERT_TRUE(read) << read.error().text;
            const auto* type = call->GetDescriptor()->FindFieldByName("type");
            EXPECT_TRUE(lines[i].starts_with(fmt::format(
                R"({{"type":"{}")", call->GetReflection()->GetEnum(*call, type)->name())));
            const std::unique_ptr<Message> back(call->New());
            ASSERT_TRUE(json_to_message(message_to_json(*call), *back));
            EXPECT_TRUE(google::protobuf::util::MessageDifferencer::Equivalent(*call, *back));
        }
    }
}

}  // namespace
}  // namespace tepui::wire
