#include "master/event_filter.h"

#include <gmock/gmock.h>

#include "master/core/state.h"

namespace tepui::master {
namespace {

using mesos::v1::master::Event;

OperatorEvent task_added(const std::string& framework, const std::string& agent,
                         const std::string& role) {
    auto task = std::make_shared<mesos::v1::Task>();
    task->mutable_framework_id()->set_value(framework);
    task->mutable_agent_id()->set_value(agent);
    task->add_resources()->mutable_allocation_info()->set_role(role);
    return TaskAdded{task};
}

OperatorEvent framework_removed(const std::string& id, std::set<std::string> roles) {
    auto info = std::make_shared<mesos::v1::FrameworkInfo>();
    info->mutable_id()->set_value(id);
    return FrameworkRemoved{info, std::move(roles)};
}

EventFilter filter_of(std::vector<std::pair<std::string, std::string>> query) {
    auto request = parse_event_request(query);
    EXPECT_TRUE(request) << request.error().text;
    return request ? request->filter : EventFilter{};
}

TEST(EventFilter, LetsThroughWhatMatchesEverySet) {
    const OperatorEvent task = task_added("f", "a", "r");
    const OperatorEvent framework = framework_removed("f", {"r", "s"});
    const OperatorEvent agent = AgentRemoved{AgentId{"a"}};
    struct Row {
        std::vector<std::pair<std::string, std::string>> query;
        bool task, framework, agent;
    };
    const Row rows[] = {
        {{}, true, true, true},
        {{{"framework", "f"}}, true, true, false},
        {{{"framework", "g"}}, false, false, false},
        {{{"framework", "g"}, {"framework", "f"}}, true, true, false},
        {{{"role", "x,s"}}, false, true, false},
        {{{"role", "r"}}, true, true, false},
        {{{"agent", "a"}}, true, false, true},
        {{{"agent", "b"}}, false, false, false},
        {{{"agent", "a"}, {"framework", "f"}}, true, false, false},
        {{{"kind", "TASK_ADDED"}}, true, false, false},
        {{{"kind", "TASK_UPDATED,FRAMEWORK_REMOVED"}}, false, true, false},
        {{{"kind", "AGENT_REMOVED"}, {"agent", "b"}}, false, false, false},
    };
    for (const Row& row : rows) {
        std::string name;
        for (const auto& [key, value] : row.query) name += key + "=" + value + " ";
        SCOPED_TRACE(name);
        const EventFilter filter = filter_of(row.query);
        EXPECT_EQ(filter.passes(task), row.task);
        EXPECT_EQ(filter.passes(framework), row.framework);
        EXPECT_EQ(filter.passes(agent), row.agent);
        EXPECT_EQ(filter.empty(), row.query.empty());
    }
}

TEST(EventFilter, APositionAsksForNumbers) {
    const auto request = parse_event_request({{"after", "7"}, {"master", "m"}});
    ASSERT_TRUE(request);
    EXPECT_TRUE(request->sequenced);
    EXPECT_EQ(request->after->sequence, 7U);
    EXPECT_EQ(request->after->master_id, "m");
}

}  // namespace
}  // namespace tepui::master
