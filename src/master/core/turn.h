#pragma once

#include <memory>
#include <string_view>
#include <utility>
#include <vector>

#include <fmt/core.h>

#include "base/copy_on_write.h"
#include "master/core/state.h"

namespace tepui::master {

/// One step under way: the state it changes, the time it happens at, the effects it has so far.
/// Machines are free functions on a Turn; none keeps a reference into State beyond its call.
struct Turn {
    State& state;
    const Now now;
    Effects effects = {};
    bool touched = false;  // Something that readers see changed.

    template <typename... Args>
    void log(Severity severity, fmt::format_string<Args...> format, Args&&... args) {
        effects.emplace_back(LogLine{severity, fmt::format(format, std::forward<Args>(args)...)});
    }

    void count(std::string_view counter);

    /// Writes an event to the framework's stream; dropped and counted when it is not connected.
    void send(const Framework& framework, mesos::v1::scheduler::Event event);
    void send(const Framework& framework, std::shared_ptr<const mesos::v1::scheduler::Event> event);
    /// Sends a frame to the agent, with its id; dropped when it is not connected: whoever relies on
    /// delivery repeats it when the agent is back.
    void send(const Agent& agent, link::ToAgent frame);
    void send(const Agent& agent, std::shared_ptr<const link::ToAgent> frame);

    PersistToken persist(std::vector<RegistryWrite> writes, Continuation continuation);

    void changed(const FrameworkId& framework);
    void changed(const AgentId& agent);
    void changed(const TaskKey& task);
    void changed(const OfferId& offer);
    void completed_framework_changed();
    void weights_changed();
    void quotas_changed();
    void maintenance_changed();
    void priorities_changed();

    Framework* find_framework(const FrameworkId& id);
    Agent* find_agent(const AgentId& id);

private:
    template <typename Set, typename Key>
    void note(Set& set, const Key& key);
};

/// An ERROR event.
mesos::v1::scheduler::Event error_event(std::string_view message);

}  // namespace tepui::master
