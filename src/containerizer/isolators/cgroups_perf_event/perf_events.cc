#include "containerizer/isolators/cgroups_perf_event/perf_events.h"

#include <linux/perf_event.h>

#include <algorithm>

namespace tepui::containerizer {
namespace {

struct Known {
    std::string_view name;
    std::uint32_t type;
    std::uint64_t config;
};

constexpr std::uint64_t cache(std::uint64_t cache_id, std::uint64_t operation,
                              std::uint64_t result) {
    return cache_id | (operation << 8) | (result << 16);
}

constexpr auto k_access = PERF_COUNT_HW_CACHE_RESULT_ACCESS;
constexpr auto k_miss = PERF_COUNT_HW_CACHE_RESULT_MISS;
constexpr auto k_read = PERF_COUNT_HW_CACHE_OP_READ;
constexpr auto k_write = PERF_COUNT_HW_CACHE_OP_WRITE;
constexpr auto k_prefetch = PERF_COUNT_HW_CACHE_OP_PREFETCH;

constexpr Known k_known[] = {
    {"cycles", PERF_TYPE_HARDWARE, PERF_COUNT_HW_CPU_CYCLES},
    {"stalled_cycles_frontend", PERF_TYPE_HARDWARE, PERF_COUNT_HW_STALLED_CYCLES_FRONTEND},
    {"stalled_cycles_backend", PERF_TYPE_HARDWARE, PERF_COUNT_HW_STALLED_CYCLES_BACKEND},
    {"instructions", PERF_TYPE_HARDWARE, PERF_COUNT_HW_INSTRUCTIONS},
    {"cache_references", PERF_TYPE_HARDWARE, PERF_COUNT_HW_CACHE_REFERENCES},
    {"cache_misses", PERF_TYPE_HARDWARE, PERF_COUNT_HW_CACHE_MISSES},
    {"branches", PERF_TYPE_HARDWARE, PERF_COUNT_HW_BRANCH_INSTRUCTIONS},
    {"branch_misses", PERF_TYPE_HARDWARE, PERF_COUNT_HW_BRANCH_MISSES},
    {"bus_cycles", PERF_TYPE_HARDWARE, PERF_COUNT_HW_BUS_CYCLES},
    {"ref_cycles", PERF_TYPE_HARDWARE, PERF_COUNT_HW_REF_CPU_CYCLES},
    {"cpu_clock", PERF_TYPE_SOFTWARE, PERF_COUNT_SW_CPU_CLOCK},
    {"task_clock", PERF_TYPE_SOFTWARE, PERF_COUNT_SW_TASK_CLOCK},
    {"page_faults", PERF_TYPE_SOFTWARE, PERF_COUNT_SW_PAGE_FAULTS},
    {"minor_faults", PERF_TYPE_SOFTWARE, PERF_COUNT_SW_PAGE_FAULTS_MIN},
    {"major_faults", PERF_TYPE_SOFTWARE, PERF_COUNT_SW_PAGE_FAULTS_MAJ},
    {"context_switches", PERF_TYPE_SOFTWARE, PERF_COUNT_SW_CONTEXT_SWITCHES},
    {"cpu_migrations", PERF_TYPE_SOFTWARE, PERF_COUNT_SW_CPU_MIGRATIONS},
    {"alignment_faults", PERF_TYPE_SOFTWARE, PERF_COUNT_SW_ALIGNMENT_FAULTS},
    {"emulation_faults", PERF_TYPE_SOFTWARE, PERF_COUNT_SW_EMULATION_FAULTS},
    {"l1_dcache_loads", PERF_TYPE_HW_CACHE, cache(PERF_COUNT_HW_CACHE_L1D, k_read, k_access)},
    {"l1_dcache_load_misses", PERF_TYPE_HW_CACHE, cache(PERF_COUNT_HW_CACHE_L1D, k_read, k_miss)},
    {"l1_dcache_stores", PERF_TYPE_HW_CACHE, cache(PERF_COUNT_HW_CACHE_L1D, k_write, k_access)},
    {"l1_dcache_store_misses", PERF_TYPE_HW_CACHE, cache(PERF_COUNT_HW_CACHE_L1D, k_write, k_miss)},
    {"l1_dcache_prefetches", PERF_TYPE_HW_CACHE,
     cache(PERF_COUNT_HW_CACHE_L1D, k_prefetch, k_access)},
    {"l1_dcache_prefetch_misses", PERF_TYPE_HW_CACHE,
     cache(PERF_COUNT_HW_CACHE_L1D, k_prefetch, k_miss)},
    {"l1_icache_loads", PERF_TYPE_HW_CACHE, cache(PERF_COUNT_HW_CACHE_L1I, k_read, k_access)},
    {"l1_icache_load_misses", PERF_TYPE_HW_CACHE, cache(PERF_COUNT_HW_CACHE_L1I, k_read, k_miss)},
    {"l1_icache_prefetches", PERF_TYPE_HW_CACHE,
     cache(PERF_COUNT_HW_CACHE_L1I, k_prefetch, k_access)},
    {"l1_icache_prefetch_misses", PERF_TYPE_HW_CACHE,
     cache(PERF_COUNT_HW_CACHE_L1I, k_prefetch, k_miss)},
    {"llc_loads", PERF_TYPE_HW_CACHE, cache(PERF_COUNT_HW_CACHE_LL, k_read, k_access)},
    {"llc_load_misses", PERF_TYPE_HW_CACHE, cache(PERF_COUNT_HW_CACHE_LL, k_read, k_miss)},
    {"llc_stores", PERF_TYPE_HW_CACHE, cache(PERF_COUNT_HW_CACHE_LL, k_write, k_access)},
    {"llc_store_misses", PERF_TYPE_HW_CACHE, cache(PERF_COUNT_HW_CACHE_LL, k_write, k_miss)},
    {"llc_prefetches", PERF_TYPE_HW_CACHE, cache(PERF_COUNT_HW_CACHE_LL, k_prefetch, k_access)},
    {"llc_prefetch_misses", PERF_TYPE_HW_CACHE, cache(PERF_COUNT_HW_CACHE_LL, k_prefetch, k_miss)},
    {"dtlb_loads", PERF_TYPE_HW_CACHE, cache(PERF_COUNT_HW_CACHE_DTLB, k_read, k_access)},
    {"dtlb_load_misses", PERF_TYPE_HW_CACHE, cache(PERF_COUNT_HW_CACHE_DTLB, k_read, k_miss)},
    {"dtlb_stores", PERF_TYPE_HW_CACHE, cache(PERF_COUNT_HW_CACHE_DTLB, k_write, k_access)},
    {"dtlb_store_misses", PERF_TYPE_HW_CACHE, cache(PERF_COUNT_HW_CACHE_DTLB, k_write, k_miss)},
    {"dtlb_prefetches", PERF_TYPE_HW_CACHE, cache(PERF_COUNT_HW_CACHE_DTLB, k_prefetch, k_access)},
    {"dtlb_prefetch_misses", PERF_TYPE_HW_CACHE,
     cache(PERF_COUNT_HW_CACHE_DTLB, k_prefetch, k_miss)},
    {"itlb_loads", PERF_TYPE_HW_CACHE, cache(PERF_COUNT_HW_CACHE_ITLB, k_read, k_access)},
    {"itlb_load_misses", PERF_TYPE_HW_CACHE, cache(PERF_COUNT_HW_CACHE_ITLB, k_read, k_miss)},
    {"branch_loads", PERF_TYPE_HW_CACHE, cache(PERF_COUNT_HW_CACHE_BPU, k_read, k_access)},
    {"branch_load_misses", PERF_TYPE_HW_CACHE, cache(PERF_COUNT_HW_CACHE_BPU, k_read, k_miss)},
    {"node_loads", PERF_TYPE_HW_CACHE, cache(PERF_COUNT_HW_CACHE_NODE, k_read, k_access)},
    {"node_load_misses", PERF_TYPE_HW_CACHE, cache(PERF_COUNT_HW_CACHE_NODE, k_read, k_miss)},
    {"node_stores", PERF_TYPE_HW_CACHE, cache(PERF_COUNT_HW_CACHE_NODE, k_write, k_access)},
    {"node_store_misses", PERF_TYPE_HW_CACHE, cache(PERF_COUNT_HW_CACHE_NODE, k_write, k_miss)},
    {"node_prefetches", PERF_TYPE_HW_CACHE, cache(PERF_COUNT_HW_CACHE_NODE, k_prefetch, k_access)},
    {"node_prefetch_misses", PERF_TYPE_HW_CACHE,
     cache(PERF_COUNT_HW_CACHE_NODE, k_prefetch, k_miss)},
};

/// "cpu/L1-dcache-loads/" -> "l1_dcache_loads"
std::string plain(std::string_view name) {
    if (name.starts_with("cpu/")) name.remove_prefix(4);
    if (name.ends_with('/')) name.remove_suffix(1);
    std::string text(name);
    for (char& c : text) {
        if (c == '-') c = '_';
        if (c >= 'A' && c <= 'Z') c = static_cast<char>(c - 'A' + 'a');
    }
    return text;
}

}  // namespace

Result<std::vector<PerfEvent>> parse_perf_events(const std::vector<std::string>& names) {
    std::vector<PerfEvent> events;
    for (const std::string& name : names) {
        const std::string field = plain(name);
        const auto* known = std::ranges::find(k_known, field, &Known::name);
        if (known != std::ranges::end(k_known)) {
            events.push_back({name, known->type, known->config, field});
            continue;
        }
        std::string all;
        for (const Known& each : k_known) all += (all.empty() ? "" : ", ") + std::string(each.name);
        return fail(Errc::invalid_argument, "--perf_events: '{}' is not known; known are: {}", name,
                    all);
    }
    return events;
}

std::uint64_t scaled(const PerfReading& reading) {
    if (reading.running_ns == 0) return 0;
    if (reading.running_ns >= reading.enabled_ns) return reading.value;
    const double share =
        static_cast<double>(reading.enabled_ns) / static_cast<double>(reading.running_ns);
    return static_cast<std::uint64_t>(static_cast<double>(reading.value) * share);
}

void add_count(const PerfEvent& event, std::uint64_t count, mesos::v1::PerfStatistics& statistics) {
    using google::protobuf::FieldDescriptor;
    const FieldDescriptor* field = statistics.GetDescriptor()->FindFieldByName(event.field);
    if (field == nullptr) return;
    const auto* reflection = statistics.GetReflection();
    if (field->cpp_type() == FieldDescriptor::CPPTYPE_DOUBLE) {
        const double before = reflection->GetDouble(statistics, field);
        reflection->SetDouble(&statistics, field, before + static_cast<double>(count) / 1e6);
        return;
    }
    reflection->SetUInt64(&statistics, field, reflection->GetUInt64(statistics, field) + count);
}

}  // namespace tepui::containerizer
