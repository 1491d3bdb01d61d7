#include "containerizer/isolators/gpu_nvidia/gpus.h"

#include <sys/mount.h>

#include <algorithm>
#include <charconv>
#include <filesystem>
#include <sstream>

#include "containerizer/cgroups/files.h"

namespace tepui::containerizer {
namespace {

namespace fs = std::filesystem;

constexpr std::uint32_t k_control_minor = 255;  // The driver's, of /dev/nvidiactl.

std::optional<std::uint32_t> to_number(std::string_view text) {
    std::uint32_t value = 0;
    const auto [end, error] = std::from_chars(text.data(), text.data() + text.size(), value);
    if (error != std::errc{} || end == text.data()) return std::nullopt;
    return value;
}

/// The major number of the first of `names` that /proc/devices lists.
std::optional<std::uint32_t> find_major(const std::string& devices,
                                        std::initializer_list<std::string_view> names) {
    for (const std::string_view name : names) {
        std::istringstream lines(devices);
        for (std::string line; std::getline(lines, line);) {
            std::istringstream words(line);
            std::uint32_t number = 0;
            std::string word;
            if (words >> number >> word && word == name) return number;
        }
    }
    return std::nullopt;
}

/// "Device Minor: \t 0"
std::optional<std::uint32_t> find_minor(const std::string& information) {
    constexpr std::string_view key = "Device Minor:";
    const std::size_t at = information.find(key);
    if (at == std::string::npos) return std::nullopt;
    const std::size_t digits = information.find_first_of("0123456789", at + key.size());
    if (digits == std::string::npos) return std::nullopt;
    return to_number(std::string_view(information).substr(digits));
}

DevicePlan device(std::string path, std::uint32_t major, std::uint32_t minor) {
    return {.path = std::move(path), .kind = 'c', .major = major, .minor = minor};
}

constexpr std::string_view k_library_dirs[] = {"/usr/lib/x86_64-linux-gnu",
                                               "/usr/lib/aarch64-linux-gnu", "/usr/lib64",
                                               "/usr/lib/nvidia", "/usr/lib"};
constexpr std::string_view k_libraries[] = {"libcuda.so",
                                            "libcudadebugger.so",
                                            "libnvidia-ml.so",
                                            "libnvidia-ptxjitcompiler.so",
                                            "libnvidia-nvvm.so",
                                            "libnvidia-opencl.so",
                                            "libnvidia-encode.so",
                                            "libnvcuvid.so",
                                            "libnvidia-fbc.so",
                                            "libnvidia-cfg.so",
                                            "libnvidia-compiler.so",
                                            "libnvidia-gpucomp.so",
                                            "libnvidia-allocator.so"};
constexpr std::string_view k_programs[] = {"nvidia-smi", "nvidia-debugdump", "nvidia-persistenced",
                                           "nvidia-cuda-mps-control", "nvidia-cuda-mps-server"};
constexpr std::string_view k_target = "/usr/local/nvidia";

}  // namespace

Result<GpuInventory> DriverDiscovery::find() {
    GpuInventory inventory;
    std::error_code error;
    const std::string folder = root_ + "/proc/driver/nvidia/gpus";
    const std::string devices = cgroups::read_file(root_ + "/proc/devices");
    const auto major = find_major(devices, {"nvidia-frontend", "nvidia", "nvidia0"});
    for (fs::directory_iterator it(folder, error), end; !error && it != end; it.increment(error)) {
        const std::string path = it->path().string() + "/information";
        const auto minor = find_minor(cgroups::read_file(path));
        if (!minor || !major)
            return fail(Errc::unsupported,
                        "a GPU of which '{}' tells no device number; is its driver loaded?", path);
        inventory.gpus.push_back(
            {*minor, device("/dev/nvidia" + std::to_string(*minor), *major, *minor)});
    }
    std::ranges::sort(inventory.gpus, {}, &Gpu::number);
    if (inventory.gpus.empty()) return inventory;
    inventory.controls.push_back(device("/dev/nvidiactl", *major, k_control_minor));
    if (const auto memory = find_major(devices, {"nvidia-uvm"})) {
        inventory.controls.push_back(device("/dev/nvidia-uvm", *memory, 0));
        inventory.controls.push_back(device("/dev/nvidia-uvm-tools", *memory, 1));
    }
    return inventory;
}

Result<GpuInventory> only(GpuInventory inventory,
                          const std::optional<std::vector<std::uint32_t>>& numbers) {
    if (!numbers) return inventory;
    for (const std::uint32_t number : *numbers)
        if (std::ranges::find(inventory.gpus, number, &Gpu::number) == inventory.gpus.end())
            return fail(Errc::invalid_argument, "--nvidia_gpu_devices: this machine has no GPU {}",
                        number);
    std::erase_if(inventory.gpus, [&](const Gpu& gpu) {
        return std::ranges::find(*numbers, gpu.number) == numbers->end();
    });
    return inventory;
}

GpuAllocation::GpuAllocation(const std::vector<Gpu>& gpus) {
    for (const Gpu& gpu : gpus) free_.insert(gpu.number);
}

Result<std::vector<std::uint32_t>> GpuAllocation::take(const std::string& container,
                                                       std::size_t count) {
    if (free_.size() < count)
        return fail(Errc::unavailable, "{} GPUs are asked for and {} are free", count,
                    free_.size());
    std::vector<std::uint32_t> numbers;
    for (std::size_t i = 0; i < count; ++i) {
        numbers.push_back(*free_.begin());
        free_.erase(free_.begin());
    }
    taken_.insert_or_assign(container, numbers);
    return numbers;
}

void GpuAllocation::recover(const std::string& container,
                            const std::vector<std::uint32_t>& numbers) {
    for (const std::uint32_t number : numbers)
        if (free_.erase(number) > 0) taken_[container].push_back(number);
}

void GpuAllocation::give_back(const std::string& container) {
    const auto node = taken_.extract(container);
    if (!node.empty()) free_.insert(node.mapped().begin(), node.mapped().end());
}

std::string gpus_text(const std::vector<std::uint32_t>& numbers) {
    std::string text;
    for (const std::uint32_t number : numbers)
        text += (text.empty() ? "" : " ") + std::to_string(number);
    return text + "\n";
}

std::vector<std::uint32_t> parse_gpus(const std::string& text) {
    std::vector<std::uint32_t> numbers;
    std::istringstream words(text);
    for (std::uint32_t number = 0; words >> number;) numbers.push_back(number);
    return numbers;
}

std::vector<MountPlan> driver_mounts(const std::string& root) {
    std::vector<MountPlan> mounts;
    const auto add = [&](const std::string& source, const std::string& target) {
        mounts.push_back({.source = source,
                          .target = target,
                          .type = "",
                          .flags = MS_RDONLY | MS_NOSUID | MS_NODEV,
                          .data = "",
                          .recursive = false});
    };
    std::set<std::string> seen;
    for (const std::string_view directory : k_library_dirs) {
        std::error_code error;
        std::vector<std::string> names;
        for (fs::directory_iterator it(root + std::string(directory), error), end;
             !error && it != end; it.increment(error))
            names.push_back(it->path().filename().string());
        std::ranges::sort(names);
        for (const std::string& name : names) {
            const bool wanted = std::ranges::any_of(
                k_libraries, [&](std::string_view library) { return name.starts_with(library); });
            if (wanted && seen.insert(name).second)
                add(root + std::string(directory) + "/" + name,
                    std::string(k_target) + "/lib64/" + name);
        }
    }
    for (const std::string_view program : k_programs) {
        const std::string path = root + "/usr/bin/" + std::string(program);
        std::error_code error;
        if (fs::exists(path, error))
            add(path, std::string(k_target) + "/bin/" + std::string(program));
    }
    return mounts;
}

}  // namespace tepui::containerizer
