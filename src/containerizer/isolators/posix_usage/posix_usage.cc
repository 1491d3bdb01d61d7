#include "containerizer/isolators/posix_usage/posix_usage.h"

#include <unistd.h>

#include <charconv>
#include <filesystem>
#include <mutex>

#include "containerizer/cgroups/files.h"
#include "containerizer/isolators/posix_usage/process_tree.h"

namespace tepui::containerizer {
namespace {

namespace fs = std::filesystem;

std::map<std::int64_t, ProcessStat> read_processes() {
    std::map<std::int64_t, ProcessStat> processes;
    std::error_code error;
    for (fs::directory_iterator it("/proc", error), end; !error && it != end; it.increment(error)) {
        const std::string name = it->path().filename().string();
        std::int64_t pid = 0;
        const auto [last, wrong] = std::from_chars(name.data(), name.data() + name.size(), pid);
        if (wrong != std::errc{} || last != name.data() + name.size()) continue;
        if (const auto stat = parse_stat(cgroups::read_file("/proc/" + name + "/stat")))
            processes.emplace(pid, *stat);
    }
    return processes;
}

class PosixUsage final : public Isolator {
public:
    explicit PosixUsage(const IsolatorContext& context)
        : cpu_(std::ranges::find(context.options.isolation, "posix/cpu") !=
               context.options.isolation.end()),
          memory_(std::ranges::find(context.options.isolation, "posix/mem") !=
                  context.options.isolation.end()) {}

    std::string_view name() const override { return "posix/cpu, posix/mem"; }

    void started(const Isolated& isolated, std::int64_t pid) override {
        const std::lock_guard lock(mutex_);
        pids_.insert_or_assign(isolated.name, pid);
    }

    void usage(const Isolated& isolated, mesos::v1::ResourceStatistics& statistics) override {
        std::int64_t pid = 0;
        {
            const std::lock_guard lock(mutex_);
            const auto found = pids_.find(isolated.name);
            if (found == pids_.end()) return;
            pid = found->second;
        }
        const TreeUsage tree = usage_of_tree(read_processes(), pid);
        if (cpu_) {
            const double ticks = static_cast<double>(::sysconf(_SC_CLK_TCK));
            statistics.set_cpus_user_time_secs(static_cast<double>(tree.user_ticks) / ticks);
            statistics.set_cpus_system_time_secs(static_cast<double>(tree.system_ticks) / ticks);
            statistics.set_processes(tree.processes);
            statistics.set_threads(tree.threads);
        }
        if (memory_)
            statistics.set_mem_rss_bytes(tree.resident_pages *
                                         static_cast<std::uint64_t>(::sysconf(_SC_PAGE_SIZE)));
    }

    Result<void> cleanup(const Isolated& isolated) override {
        const std::lock_guard lock(mutex_);
        pids_.erase(isolated.name);
        return {};
    }

private:
    const bool cpu_;
    const bool memory_;
    std::mutex mutex_;
    std::map<std::string, std::int64_t> pids_;  // Of the first process, by name.
};

}  // namespace

std::unique_ptr<Isolator> make_posix_usage(const IsolatorContext& context) {
    return std::make_unique<PosixUsage>(context);
}

}  // namespace tepui::containerizer
