#pragma once

#include <string>

#include "agent/core/context.h"

namespace tepui::agent {

/// The framework is over: its tasks are ended with their grace, nobody is told, all is forgotten.
void shutdown_framework(Context& context, const FrameworkId& id);
/// Ends all tasks of a framework that is terminating, those that are being ended already included.
void end_tasks_of(Context& context, const FrameworkId& id);
/// FrameworkInfo of a framework with tasks here changed.
void update_framework(Context& context, const mesos::v1::FrameworkInfo& info);
/// Ends every container at once; EndAgent follows when they are gone.
void shutdown_agent(Context& context, const std::string& message);
/// A scheduler's SHUTDOWN of an executor: for the built-in one, the end of its only task.
void shutdown_executor(Context& context, const link::ShutdownExecutor& shutdown);

}  // namespace tepui::agent
