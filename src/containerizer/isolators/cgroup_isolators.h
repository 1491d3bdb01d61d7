#pragma once

#include <memory>
#include <vector>

#include "containerizer/isolator.h"

namespace tepui::containerizer {

/// Adds those of cgroups/{cpuset,blkio,hugetlb,net_cls,perf_event,devices} that --isolation names,
/// and with cgroups/all those whose controllers the machine gives. cgroups/{cpu,mem,pids} are not
/// among them: `Groups` carries them out.
void add_cgroup_isolators(const IsolatorContext& context,
                          std::vector<std::unique_ptr<Isolator>>& isolators);

}  // namespace tepui::containerizer
