#include "containerizer/isolators/cgroup_isolators.h"

#include <algorithm>

#include "containerizer/isolators/cgroups_devices/cgroups_devices.h"
#include "containerizer/isolators/cgroups_net_cls/cgroups_net_cls.h"
#include "containerizer/isolators/cgroups_perf_event/cgroups_perf_event.h"
#include "containerizer/isolators/controller_isolator.h"

namespace tepui::containerizer {
namespace {

/// One that only has a cgroup, and counters that Groups::usage() reads.
template <const char* name, const char* controller_v1, const char* controller_v2>
std::unique_ptr<Isolator> make_plain(const IsolatorContext& context) {
    const bool v1 = context.groups.version() == cgroups::Version::v1;
    return std::make_unique<ControllerIsolator>(context, name, v1 ? controller_v1 : controller_v2);
}

constexpr char k_cpuset_name[] = "cgroups/cpuset";
constexpr char k_blkio_name[] = "cgroups/blkio";
constexpr char k_hugetlb_name[] = "cgroups/hugetlb";
constexpr char k_cpuset[] = "cpuset";
constexpr char k_blkio[] = "blkio";
constexpr char k_io[] = "io";
constexpr char k_hugetlb[] = "hugetlb";

struct Entry {
    std::string_view name;
    std::string_view controller;
    std::unique_ptr<Isolator> (*make)(const IsolatorContext&);
};

constexpr Entry k_entries[] = {
    {k_cpuset_name, k_cpuset, make_plain<k_cpuset_name, k_cpuset, k_cpuset>},
    {k_blkio_name, k_blkio, make_plain<k_blkio_name, k_blkio, k_io>},
    {k_hugetlb_name, k_hugetlb, make_plain<k_hugetlb_name, k_hugetlb, k_hugetlb>},
    {"cgroups/net_cls", "net_cls", make_cgroups_net_cls},
    {"cgroups/perf_event", "perf_event", make_cgroups_perf_event},
    {"cgroups/devices", "devices", make_cgroups_devices},
};

}  // namespace

void add_cgroup_isolators(const IsolatorContext& context,
                          std::vector<std::unique_ptr<Isolator>>& isolators) {
    const auto named = [&](std::string_view name) {
        return std::ranges::find(context.options.isolation, name) !=
               context.options.isolation.end();
    };
    const bool all = named("cgroups/all");
    for (const Entry& entry : k_entries) {
        const bool given = !context.groups.directory(std::string(entry.controller), "any").empty();
        if (named(entry.name) || (all && given)) isolators.push_back(entry.make(context));
    }
}

}  // namespace tepui::containerizer
