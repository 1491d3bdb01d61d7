#pragma once

#include "agent/core/context.h"

namespace tepui::agent {

// The built-in command executor's way to a running task: stored, launched, started.

/// Takes a task on. One that is known already is ignored: a task starts at most once.
void run_task(Context& context, const link::RunTask& run);

void on_task_durable(Context& context, const ContainerId& container);
void on_container_started(Context& context, const ContainerStarted& started);
void on_container_failed(Context& context, const ContainerLaunchFailed& failed);
void on_container_exited(Context& context, const ContainerExited& exited);

}  // namespace tepui::agent
