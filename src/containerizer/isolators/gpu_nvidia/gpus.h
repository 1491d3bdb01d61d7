#pragma once

#include <cstdint>
#include <map>
#include <set>
#include <string>
#include <vector>

#include "base/result.h"
#include "containerizer/launch_plan.h"

namespace tepui::containerizer {

/// One GPU: its number as --nvidia_gpu_devices names it, which is that of its device node.
struct Gpu {
    std::uint32_t number = 0;
    DevicePlan device;
    bool operator==(const Gpu&) const = default;
};

/// The machine's GPUs and what their users need besides.
struct GpuInventory {
    std::vector<Gpu> gpus;             // By number.
    std::vector<DevicePlan> controls;  // nvidiactl, nvidia-uvm, nvidia-uvm-tools: for all.
};

/// Finds GPUs; behind an interface because few machines have any.
class GpuDiscovery {
public:
    virtual ~GpuDiscovery() = default;
    /// Empty: there are none. Fails when there are some that can't be used.
    virtual Result<GpuInventory> find() = 0;
};

/// By what the driver tells in /proc/driver/nvidia and /proc/devices, beneath `root` ("" is this
/// machine).
class DriverDiscovery final : public GpuDiscovery {
public:
    explicit DriverDiscovery(std::string root) : root_(std::move(root)) {}
    Result<GpuInventory> find() override;

private:
    const std::string root_;
};

/// Only those of `numbers`, when given. Fails on one that there is not.
Result<GpuInventory> only(GpuInventory inventory,
                          const std::optional<std::vector<std::uint32_t>>& numbers);

/// Which container has which GPU. A GPU is one container's alone.
class GpuAllocation {
public:
    explicit GpuAllocation(const std::vector<Gpu>& gpus);

    /// The lowest free ones. Fails with unavailable when there are fewer, and takes none.
    Result<std::vector<std::uint32_t>> take(const std::string& container, std::size_t count);
    /// Those that a container of an earlier agent has.
    void recover(const std::string& container, const std::vector<std::uint32_t>& numbers);
    void give_back(const std::string& container);

private:
    std::set<std::uint32_t> free_;
    std::map<std::string, std::vector<std::uint32_t>> taken_;
};

/// "0 2\n" and back.
std::string gpus_text(const std::vector<std::uint32_t>& numbers);
std::vector<std::uint32_t> parse_gpus(const std::string& text);

/// Parts of the driver that a container with an image needs and brings not: libraries (found by the
/// start of their names, in the directories of libraries) and programs. Read-only mounts of what
/// there is beneath `root`, into /usr/local/nvidia. Source: the driver's list of installed
/// components.
std::vector<MountPlan> driver_mounts(const std::string& root);

}  // namespace tepui::containerizer
