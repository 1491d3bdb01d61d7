#include "agent/core/secrets.h"

#include <utility>

#include "resources/redaction.h"

namespace tepui::agent {
namespace {

template <typename Run, typename Info>
void keep(Run& run, const Info& info) {
    run.info = info;
    run.whole = redact_secrets(run.info) ? std::make_shared<const Info>(info) : nullptr;
}

template <typename Run>
auto take(Run& run) {
    const auto whole = std::exchange(run.whole, nullptr);
    return whole ? *whole : run.info;
}

}  // namespace

void keep_info(TaskRun& task, const mesos::v1::TaskInfo& info) { keep(task, info); }

void keep_info(ExecutorRun& executor, const mesos::v1::ExecutorInfo& info) { keep(executor, info); }

mesos::v1::TaskInfo take_whole(TaskRun& task) { return take(task); }

mesos::v1::ExecutorInfo take_whole(ExecutorRun& executor) { return take(executor); }

}  // namespace tepui::agent
