#include "containerizer/isolators/cgroups_perf_event/cgroups_perf_event.h"

#include <chrono>
#include <condition_variable>
#include <map>
#include <mutex>
#include <thread>

#include "containerizer/isolators/cgroups_perf_event/perf_counters.h"
#include "containerizer/isolators/controller_isolator.h"

namespace tepui::containerizer {
namespace {

using Clock = std::chrono::steady_clock;

class CgroupsPerfEvent final : public ControllerIsolator {
public:
    explicit CgroupsPerfEvent(const IsolatorContext& context)
        : ControllerIsolator(context, "cgroups/perf_event", "perf_event") {}

    ~CgroupsPerfEvent() override {
        {
            const std::lock_guard lock(mutex_);
            stopped_ = true;
        }
        wake_.notify_all();
        if (sampler_.joinable()) sampler_.join();
    }

    Result<void> prepare_machine() override {
        TEPUI_CHECK_OK(ControllerIsolator::prepare_machine());
        events_ = TEPUI_TRY(parse_perf_events(options().cgroup.perf_events));
        if (options().cgroup.perf_duration > options().cgroup.perf_interval)
            return fail(Errc::invalid_argument,
                        "--perf_duration is longer than --perf_interval: a sample must end before "
                        "the next begins");
        for (const PerfEvent& event : events_) TEPUI_CHECK_OK(PerfCounters::probe(event));
        if (!events_.empty()) sampler_ = std::thread([this] { sample_for_ever(); });
        return {};
    }

    void started(const Isolated& isolated, std::int64_t) override {
        const std::string directory = this->directory(isolated);
        if (directory.empty() || events_.empty()) return;
        const std::lock_guard lock(mutex_);
        containers_.try_emplace(isolated.name, Container{directory, {}});
    }

    void usage(const Isolated& isolated, mesos::v1::ResourceStatistics& statistics) override {
        const std::lock_guard lock(mutex_);
        const auto found = containers_.find(isolated.name);
        if (found != containers_.end() && found->second.last)
            *statistics.mutable_perf() = *found->second.last;
    }

    Result<void> cleanup(const Isolated& isolated) override {
        const std::lock_guard lock(mutex_);
        containers_.erase(isolated.name);
        return {};
    }

private:
    struct Container {
        std::string directory;
        std::optional<mesos::v1::PerfStatistics> last;  // The newest sample that is complete.
    };

    void sample_for_ever() {
        std::unique_lock lock(mutex_);
        for (;;) {
            const auto began = Clock::now();
            sample(lock);
            wake_.wait_until(lock, began + options().cgroup.perf_interval,
                             [this] { return stopped_; });
            if (stopped_) return;
        }
    }

    /// Counts for one duration in all that live now.
    void sample(std::unique_lock<std::mutex>& lock) {
        std::map<std::string, std::string> living;
        for (const auto& [name, container] : containers_) living[name] = container.directory;
        lock.unlock();
        const double began =
            std::chrono::duration<double>(std::chrono::system_clock::now().time_since_epoch())
                .count();
        std::map<std::string, PerfCounters> counting;
        for (const auto& [name, directory] : living)
            if (auto counters = PerfCounters::open(events_, directory))  // It may have ended.
                counting.emplace(name, std::move(*counters));
        lock.lock();
        wake_.wait_for(lock, options().cgroup.perf_duration, [this] { return stopped_; });
        for (const auto& [name, counters] : counting) {
            const auto found = containers_.find(name);
            if (found == containers_.end() || stopped_) continue;
            mesos::v1::PerfStatistics statistics;
            statistics.set_timestamp(began);
            statistics.set_duration(
                std::chrono::duration<double>(options().cgroup.perf_duration).count());
            counters.read(statistics);
            found->second.last = std::move(statistics);
        }
    }

    std::vector<PerfEvent> events_;
    std::mutex mutex_;
    std::condition_variable wake_;
    std::map<std::string, Container> containers_;  // By name.
    bool stopped_ = false;
    std::thread sampler_;
};

}  // namespace

std::unique_ptr<Isolator> make_cgroups_perf_event(const IsolatorContext& context) {
    return std::make_unique<CgroupsPerfEvent>(context);
}

}  // namespace tepui::containerizer
