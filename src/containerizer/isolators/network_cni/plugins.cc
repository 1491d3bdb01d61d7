#include "containerizer/isolators/network_cni/plugins.h"

#include <sys/stat.h>
#include <sys/wait.h>
#include <unistd.h>

#include <algorithm>
#include <chrono>
#include <filesystem>
#include <functional>
#include <optional>
#include <ranges>
#include <thread>

#include "containerizer/child_process.h"
#include "containerizer/spawn.h"

namespace tepui::containerizer::cni {
namespace {

namespace fs = std::filesystem;
using Clock = std::chrono::steady_clock;

constexpr std::size_t k_output_bytes_max = 1 << 20;
constexpr std::size_t k_errors_bytes_max = 4096;
constexpr int k_held_number = 3;
// Some plugins stumble over what is half made, but remove part of it each time.
constexpr int k_detach_tries = 3;
constexpr Duration k_detach_pause = 100ms;
constexpr const char* k_cancelled = "the launch was cancelled";
// Plugins call iptables and others.
constexpr const char* k_path = "PATH=/usr/local/sbin:/usr/local/bin:/usr/sbin:/usr/bin:/sbin:/bin";

std::string joined(const std::vector<std::string>& directories) {
    std::string text;
    for (const std::string& directory : directories) text += (text.empty() ? "" : ":") + directory;
    return text;
}

/// The beginning of a file that a program wrote.
std::string beginning(int fd) {
    std::string text(k_errors_bytes_max, '\0');
    const ssize_t got = ::pread(fd, text.data(), text.size(), 0);
    text.resize(got > 0 ? static_cast<std::size_t>(got) : 0);
    return text;
}

bool is_set(const std::atomic<bool>* flag) { return flag != nullptr && flag->load(); }

/// One that is killed in the middle leaves what nobody knows of.
std::function<std::optional<Error>()> patiently(const std::atomic<bool>* cancelled,
                                                Duration patience) {
    return [cancelled, patience,
            deadline = std::optional<Clock::time_point>()]() mutable -> std::optional<Error> {
        if (!is_set(cancelled)) return std::nullopt;
        if (!deadline) deadline = Clock::now() + patience;
        if (Clock::now() < *deadline) return std::nullopt;
        return Error{Errc::cancelled, k_cancelled};
    };
}

}  // namespace

Result<std::string> Plugins::find(const std::string& type) const {
    for (const std::string& directory : directories_) {
        const std::string path = directory + "/" + type;
        struct stat status{};
        if (::stat(path.c_str(), &status) == 0 && S_ISREG(status.st_mode) &&
            ::access(path.c_str(), X_OK) == 0)
            return path;
    }
    return fail(Errc::not_found, "there is no CNI plugin '{}' in {}", type, joined(directories_));
}

std::string Plugins::first_filled() const {
    for (const std::string& directory : directories_) {
        std::error_code error;
        for (fs::directory_iterator it(directory, error), end; !error && it != end;
             it.increment(error))
            if (::access(it->path().c_str(), X_OK) == 0 && it->is_regular_file(error))
                return directory;
    }
    return {};
}

Result<std::string> Plugins::run(const PluginPlan& plugin, const Attachment& attachment,
                                 const Run& run, const std::string& previous) const {
    const std::string path = TEPUI_TRY(find(plugin.type));
    const Descriptor input = TEPUI_TRY(memory_file(TEPUI_TRY(plugin_input(plugin, previous))));
    ::lseek(input.get(), 0, SEEK_SET);  // The plugin reads on from where we wrote.
    const Descriptor errors = TEPUI_TRY(memory_file(""));
    ChildProgram program{
        .path = path,
        .argv = {plugin.type},
        .environment = {fmt::format("CNI_COMMAND={}", run.command),
                        "CNI_CONTAINERID=" + run.container, "CNI_NETNS=" + run.space,
                        "CNI_IFNAME=" + attachment.interface, "CNI_ARGS=" + attachment.arguments,
                        "CNI_PATH=" + joined(directories_), k_path},
        .descriptors = {{input.get(), 0}, {errors.get(), 2}}};
    if (run.held >= 0) program.descriptors.emplace_back(run.held, k_held_number);
    const ChildEnd end = TEPUI_TRY(run_child(program, 1,
                                             {.time_max = time_max_,
                                              .output_bytes_max = k_output_bytes_max,
                                              .cancelled = nullptr,
                                              .give_up = patiently(run.cancelled, patience_)}));
    if (end.status == 0) return end.output;
    return fail(Errc::io, "{}", plugin_error(end.output, beginning(errors.get())));
}

Result<void> Plugins::attach(Attachment& attachment, const std::string& container,
                             const std::string& space, int held,
                             const std::atomic<bool>* cancelled) const {
    for (const PluginPlan& plugin : attachment.plugins) {
        if (is_set(cancelled)) return fail(Errc::cancelled, "{}", k_cancelled);
        const std::string context =
            fmt::format("network '{}', CNI plugin {}", attachment.info.name(), plugin.type);
        const Result<std::string> output =
            run(plugin, attachment, {"ADD", container, space, held, cancelled}, attachment.result);
        if (!output) return fail_with(context, output.error());
        Result<CniResult> parsed = parse_result(*output);
        if (!parsed)
            return fail(Errc::corrupt, "{}: what it answered is no result ({}): {}", context,
                        parsed.error().text, plugin_error(*output, ""));
        attachment.result = std::move(parsed->json);
    }
    return {};
}

Result<void> Plugins::detach(const Attachment& attachment, const std::string& container,
                             const std::string& space) const {
    Result<void> first;
    // Plugins are told the result only from 0.4.0 on.
    const std::string previous = attachment.version >= "0.4.0" ? attachment.result : "";
    for (const PluginPlan& plugin : std::ranges::reverse_view(attachment.plugins)) {
        Result<std::string> output = run(plugin, attachment, {"DEL", container, space}, previous);
        for (int tries = 1; !output && tries < k_detach_tries; ++tries) {
            std::this_thread::sleep_for(k_detach_pause);
            output = run(plugin, attachment, {"DEL", container, space}, previous);
        }
        if (!output && first)
            first = fail_with(fmt::format("detaching from network '{}', CNI plugin {}",
                                          attachment.info.name(), plugin.type),
                              output.error());
    }
    return first;
}

}  // namespace tepui::containerizer::cni
