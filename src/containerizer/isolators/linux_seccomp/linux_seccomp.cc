#include "containerizer/isolators/linux_seccomp/linux_seccomp.h"

#include <fcntl.h>
#include <sys/stat.h>
#include <unistd.h>

#include <map>
#include <mutex>

#include "containerizer/beneath.h"
#include "containerizer/isolators/linux_capabilities/linux_capabilities.h"
#include "containerizer/isolators/linux_seccomp/profile.h"

namespace tepui::containerizer {
namespace {

constexpr std::size_t k_profile_bytes_max = std::size_t{1} << 20;
constexpr std::size_t k_compiled_max = 64;  // Profiles times sets of capabilities in use.

struct Compiled {
    std::string filter;
    std::string json;
};

class LinuxSeccomp final : public Isolator {
public:
    explicit LinuxSeccomp(const SecurityOptions& flags)
        : dir_(flags.seccomp_config_dir), default_(flags.seccomp_profile_name) {}

    std::string_view name() const override { return "linux/seccomp"; }

    Result<void> prepare_machine() override {
        agent_ = TEPUI_TRY(own_capabilities());
        if (dir_.empty()) return {};
        directory_ = Descriptor(::open(dir_.c_str(), O_PATH | O_DIRECTORY | O_CLOEXEC));
        if (!directory_)
            return fail(Errc::invalid_argument, "cannot open --seccomp_config_dir '{}': {}", dir_,
                        errno_text());
        if (!default_.empty()) TEPUI_CHECK_OK(compile(default_, agent_));
        return {};
    }

    bool concerns(const LaunchSpec& spec) const override {
        return !spec.hold && (!default_.empty() ||
                              (spec.info && spec.info->linux_info().seccomp().has_profile_name()));
    }

    Result<void> prepare(const Isolated&, const LaunchSpec& spec, LaunchPlan& plan) override {
        std::string wanted = default_;
        if (spec.info && spec.info->linux_info().has_seccomp()) {
            const mesos::v1::SeccompInfo& asked = spec.info->linux_info().seccomp();
            if (asked.unconfined() && asked.has_profile_name())
                return fail(Errc::invalid_argument,
                            "the task asks for a seccomp profile and for none");
            if (asked.unconfined()) return {};
            if (asked.has_profile_name()) wanted = asked.profile_name();
        }
        if (wanted.empty()) return {};
        const Compiled compiled =
            TEPUI_TRY(compile(wanted, plan.capabilities ? plan.capabilities->bounding : agent_));
        plan.seccomp_filter = compiled.filter;
        plan.seccomp = compiled.json;
        return {};
    }

private:
    Result<Compiled> compile(const std::string& profile, std::uint64_t capabilities) {
        if (!directory_)
            return fail(Errc::invalid_argument,
                        "the task asks for the seccomp profile '{}', but this agent has no "
                        "--seccomp_config_dir",
                        profile);
        const auto context = fmt::format("seccomp profile '{}'", profile);
        const Result<std::string> text = read(profile);
        if (!text) return fail_with(context, text.error());
        const std::lock_guard lock(mutex_);
        // By its text: a profile that was edited is another one.
        const auto known = compiled_.find({*text, capabilities});
        if (known != compiled_.end()) return known->second;
        const auto parsed = parse_seccomp_profile(*text);
        if (!parsed) return fail_with(context, parsed.error());
        const SeccompProfile resolved = resolve_profile(*parsed, this_subject(capabilities));
        const auto filter = compile_profile(resolved);
        if (!filter) return fail_with(context, filter.error());
        if (compiled_.size() >= k_compiled_max) compiled_.clear();
        const Compiled made{*filter, profile_json(resolved)};
        compiled_.emplace(std::pair{*text, capabilities}, made);
        return made;
    }

    Result<std::string> read(const std::string& profile) const {
        const Descriptor file =
            TEPUI_TRY(open_beneath(directory_.get(), profile, O_RDONLY | O_NONBLOCK));
        struct stat stat{};
        if (::fstat(file.get(), &stat) != 0 || !S_ISREG(stat.st_mode))
            return fail(Errc::invalid_argument, "it is no regular file");
        if (static_cast<std::size_t>(stat.st_size) > k_profile_bytes_max)
            return fail(Errc::too_large, "it is above {} bytes", k_profile_bytes_max);
        std::string text(static_cast<std::size_t>(stat.st_size), '\0');
        const ssize_t got = ::pread(file.get(), text.data(), text.size(), 0);
        if (got < 0) return fail(Errc::io, "it cannot be read: {}", errno_text());
        text.resize(static_cast<std::size_t>(got));
        return text;
    }

    const std::string dir_;
    const std::string default_;
    Descriptor directory_;
    std::uint64_t agent_ = 0;
    std::mutex mutex_;
    std::map<std::pair<std::string, std::uint64_t>, Compiled> compiled_;
};

}  // namespace

Result<std::unique_ptr<Isolator>> make_linux_seccomp(const IsolatorContext& context) {
    const SecurityOptions& flags = context.options.security;
    if (!flags.seccomp_profile_name.empty() && flags.seccomp_config_dir.empty())
        return fail(Errc::invalid_argument,
                    "--seccomp_profile_name names a file of --seccomp_config_dir, which is not "
                    "given");
    std::unique_ptr<Isolator> made = std::make_unique<LinuxSeccomp>(flags);
    return made;
}

}  // namespace tepui::containerizer
