#pragma once

#include <optional>
#include <string>
#include <vector>

#include "agent/core/context.h"

namespace tepui::agent {

// Containers that operators launch: nested ones, sessions, standalone ones; and what they may ask
// of any container. A request is a number of the shell's; each ContainerAsked is answered by one
// AnswerAsker, a wait when the container ends.

/// A container of any kind, as operators name it.
struct ContainerPlace {
    ContainerId container;  // The machine's name of it.
    std::string sandbox;
    std::string user;
    bool checkpoint = true;
    bool running = false;
    bool ended = false;
    bool terminal = false;
    bool session = false;
};

/// Finds it by the chain of its ids: an executor's or a command task's container, that of a pod's
/// task in the pod's, or one that an operator launched.
std::optional<ContainerPlace> find_place(const State& state, const mesos::v1::ContainerID& id);

/// The chain as one word, outermost first.
std::string chain_text(const mesos::v1::ContainerID& id);

void on_container_asked(Context& context, const ContainerAsked& asked);
/// The connection of that request is gone: a session ends, a wait is forgotten.
void on_asker_left(Context& context, std::uint64_t request);
/// The record of one that is to be launched is durable.
void on_nested_durable(Context& context, const ContainerId& container);

/// These three take what belongs to a container of this kind; false: it is none.
bool nested_started(Context& context, const ContainerStarted& started);
bool nested_failed(Context& context, const ContainerLaunchFailed& failed);
bool nested_exited(Context& context, const ContainerExited& exited);
/// Any other container ended, or never ran: answers who waits for it, and forgets those within it.
void container_gone(Context& context, const ContainerExited& exited);

/// The containers to ask for after a restart.
void expect_nested(const State& state, std::vector<ContainerId>& expected);
/// Takes what was found of them; `found` may have others.
void recover_nested(Context& context, const std::vector<FoundContainer>& found);

/// Ends the standalone ones, as the agent leaves.
void end_standalone(Context& context);
bool has_live_standalone(const State& state);

}  // namespace tepui::agent
