#include "containerizer/isolators/gpu_nvidia/gpu_nvidia.h"

#include <fcntl.h>
#include <unistd.h>

#include <cmath>
#include <mutex>

#include "containerizer/cgroups/files.h"
#include "containerizer/descriptor.h"

namespace tepui::containerizer {
namespace {

constexpr const char* k_file = "/gpus";  // Of the runtime directory: the numbers of its GPUs.

double gpus_asked(const LaunchSpec& spec) {
    double sum = 0;
    for (const mesos::v1::Resource& resource : spec.resources)
        if (resource.name() == "gpus") sum += resource.scalar().value();
    return sum;
}

Result<void> store(const std::string& runtime_dir, const std::vector<std::uint32_t>& numbers) {
    const std::string path = runtime_dir + k_file;
    const std::string text = gpus_text(numbers);
    const Descriptor file(::open(path.c_str(), O_WRONLY | O_CREAT | O_TRUNC | O_CLOEXEC, 0600));
    if (!file || ::write(file.get(), text.data(), text.size()) != static_cast<ssize_t>(text.size()))
        return fail(Errc::io, "cannot write '{}': {}", path, errno_text());
    return {};
}

class GpuNvidia final : public Isolator {
public:
    GpuNvidia(const IsolatorContext& context, std::unique_ptr<GpuDiscovery> discovery,
              std::string driver_root)
        : options_(context.options.gpus),
          discovery_(std::move(discovery)),
          driver_root_(std::move(driver_root)) {}

    std::string_view name() const override { return "gpu/nvidia"; }

    Result<void> prepare_machine() override {
        inventory_ = TEPUI_TRY(only(TEPUI_TRY(discovery_->find()), options_.devices));
        allocation_.emplace(inventory_.gpus);
        return {};
    }

    Result<void> prepare(const Isolated& isolated, const LaunchSpec& spec,
                         LaunchPlan& plan) override {
        const double asked = gpus_asked(spec);
        if (!(asked > 0)) return {};
        if (asked != std::floor(asked))
            return fail(Errc::invalid_argument, "{} GPUs are asked for: a GPU cannot be shared",
                        asked);
        std::vector<std::uint32_t> numbers;
        {
            const std::lock_guard lock(mutex_);
            numbers =
                TEPUI_TRY(allocation_->take(isolated.runtime_dir, static_cast<std::size_t>(asked)));
        }
        TEPUI_CHECK_OK(store(isolated.runtime_dir, numbers));
        for (const Gpu& gpu : inventory_.gpus)
            if (std::ranges::find(numbers, gpu.number) != numbers.end())
                plan.devices.push_back(gpu.device);
        plan.devices.insert(plan.devices.end(), inventory_.controls.begin(),
                            inventory_.controls.end());
        if (!plan.root) return {};  // With the host's files it has the host's driver.
        for (MountPlan& mount : driver_mounts(driver_root_))
            plan.mounts.push_back(std::move(mount));
        return {};
    }

    void recover(const Isolated& isolated) override {
        const std::lock_guard lock(mutex_);
        allocation_->recover(isolated.runtime_dir,
                             parse_gpus(cgroups::read_file(isolated.runtime_dir + k_file)));
    }

    Result<void> cleanup(const Isolated& isolated) override {
        const std::lock_guard lock(mutex_);
        allocation_->give_back(isolated.runtime_dir);
        return {};
    }

private:
    const GpuOptions options_;
    const std::unique_ptr<GpuDiscovery> discovery_;
    const std::string driver_root_;
    GpuInventory inventory_;
    std::mutex mutex_;
    std::optional<GpuAllocation> allocation_;
};

}  // namespace

std::unique_ptr<Isolator> make_gpu_nvidia(const IsolatorContext& context) {
    return make_gpu_nvidia(context, std::make_unique<DriverDiscovery>(""), "");
}

std::unique_ptr<Isolator> make_gpu_nvidia(const IsolatorContext& context,
                                          std::unique_ptr<GpuDiscovery> discovery,
                                          const std::string& driver_root) {
    return std::make_unique<GpuNvidia>(context, std::move(discovery), driver_root);
}

Result<std::size_t> count_gpus(const GpuOptions& options) {
    const GpuInventory inventory =
        TEPUI_TRY(only(TEPUI_TRY(DriverDiscovery("").find()), options.devices));
    return inventory.gpus.size();
}

}  // namespace tepui::containerizer
