#include "containerizer/oci/runtime.h"

#include <fcntl.h>
#include <sys/mman.h>
#include <sys/sendfile.h>
#include <sys/stat.h>
#include <sys/wait.h>
#include <unistd.h>

#include <array>
#include <filesystem>

#include "containerizer/beneath.h"
#include "containerizer/child_process.h"
#include "containerizer/descriptor.h"
#include "containerizer/oci/bundle.h"

namespace tepui::containerizer::oci {
namespace {
namespace fs = std::filesystem;

constexpr int k_usage_status = 2;  // Of the shim without arguments.
constexpr const char* k_path = "PATH=/usr/local/sbin:/usr/local/bin:/usr/sbin:/usr/bin:/sbin:/bin";

Result<ChildEnd> run(const std::string& program, std::vector<std::string> arguments,
                     int output_number) {
    arguments.insert(arguments.begin(), fs::path(program).filename().string());
    return run_child({program, std::move(arguments), {k_path}, {}}, output_number,
                     {.time_max = 20s, .give_up = {}});
}

Result<void> write_text(const std::string& path, const std::string& text) {
    const Descriptor file(::open(path.c_str(), O_WRONLY | O_CREAT | O_EXCL | O_CLOEXEC, 0600));
    if (!file || ::write(file.get(), text.data(), text.size()) != static_cast<ssize_t>(text.size()))
        return fail(Errc::io, "cannot write '{}': {}", path, errno_text());
    return {};
}

/// A container as small as can be.
Result<void> try_runtime(const std::string& runtime, const std::string& program,
                         const std::string& scratch, const std::string& cgroups_path,
                         const std::shared_ptr<const UserNamespace>& ids) {
    const Descriptor root = TEPUI_TRY(make_trusted_directory(scratch + "/rootfs", 0755));
    LaunchPlan plan;
    plan.user_namespace = ids;
    if (ids && ::fchown(root.get(), ids->ids().uid, ids->ids().gid) != 0)
        return fail(Errc::io, "cannot give '{}/rootfs' to its container: {}", scratch,
                    errno_text());
    plan.container = "the trial";
    plan.argv = {"/trial", "/trial"};
    plan.environment = {k_path};
    plan.flags = SHIM_NEW_PID_NS;
    plan.root = RootPlan{scratch + "/rootfs", "/", false};
    plan.mounts = {{.source = program, .target = "/trial", .type = "", .flags = 1, .data = {}}};
    TEPUI_CHECK_OK(
        write_text(scratch + "/config.json", TEPUI_TRY(make_config(plan, cgroups_path))));
    const ChildEnd end = TEPUI_TRY(
        run(runtime, {"--root", scratch + "/state", "run", "--bundle", scratch, "tepui-trial"}, 2));
    if (WIFEXITED(end.status) && WEXITSTATUS(end.status) == k_usage_status) return {};
    std::string said = end.output.substr(0, 500);
    while (!said.empty() && (said.back() == '\n' || said.back() == ' ')) said.pop_back();
    return fail(Errc::unavailable, "{}",
                said.empty() ? fmt::format("it ended with wait status {}", end.status) : said);
}

}  // namespace

std::string find_program(const std::string& name) {
    if (name.starts_with('/')) return ::access(name.c_str(), X_OK) == 0 ? name : std::string();
    for (const char* folder :
         {"/usr/local/sbin", "/usr/local/bin", "/usr/sbin", "/usr/bin", "/sbin", "/bin"}) {
        const std::string path = fmt::format("{}/{}", folder, name);
        if (::access(path.c_str(), X_OK) == 0) return path;
    }
    return {};
}

Result<Runtime> find_runtime(const std::string& wanted, const std::string& program,
                             const std::string& scratch, const std::string& cgroups_path,
                             std::shared_ptr<const UserNamespace> ids) {
    std::vector<std::string> names{wanted};
    if (wanted.empty()) names = {"crun", "runc"};
    std::string reasons;
    for (const std::string& name : names) {
        if (!reasons.empty()) reasons += "; ";
        const std::string path = find_program(name);
        if (path.empty()) {
            reasons += fmt::format("there is no {}", name);
            continue;
        }
        const Result<void> works = try_runtime(path, program, scratch, cgroups_path, ids);
        std::error_code ignored;
        fs::remove_all(scratch, ignored);
        if (!works) {
            reasons += fmt::format("{}: {}", path, works.error().text);
            continue;
        }
        const Result<ChildEnd> version = run(path, {"--version"}, 1);
        return Runtime{path, version ? version_warning(version->output) : std::string()};
    }
    return fail(Errc::unavailable, "no OCI runtime makes a container here ({})", reasons);
}

Result<Descriptor> seal_program(const std::string& program) {
    const Descriptor source(::open(program.c_str(), O_RDONLY | O_CLOEXEC));
    struct stat stat{};
    if (!source || ::fstat(source.get(), &stat) != 0)
        return fail(Errc::io, "cannot read '{}': {}", program, errno_text());
    constexpr unsigned executable = 0x10;  // MFD_EXEC, which kernels before 6.3 do not know.
    Descriptor copy(::memfd_create("tepui-runtime", MFD_CLOEXEC | MFD_ALLOW_SEALING | executable));
    if (!copy) copy = Descriptor(::memfd_create("tepui-runtime", MFD_CLOEXEC | MFD_ALLOW_SEALING));
    for (off_t left = copy ? stat.st_size : 0; left > 0;) {
        const ssize_t sent =
            ::sendfile(copy.get(), source.get(), nullptr, static_cast<std::size_t>(left));
        if (sent < 0 && errno == EINTR) continue;
        if (sent <= 0) return fail(Errc::io, "cannot copy '{}': {}", program, errno_text());
        left -= sent;
    }
    if (!copy || ::fchmod(copy.get(), 0755) != 0 ||
        ::fcntl(copy.get(), F_ADD_SEALS,
                F_SEAL_SEAL | F_SEAL_SHRINK | F_SEAL_GROW | F_SEAL_WRITE) != 0)
        return fail(Errc::io, "cannot seal a copy of '{}': {}", program, errno_text());
    // What is open for writing can't be executed.
    Descriptor sealed(
        ::open(fmt::format("/proc/self/fd/{}", copy.get()).c_str(), O_RDONLY | O_CLOEXEC));
    if (!sealed) return fail(Errc::io, "cannot open a copy of '{}': {}", program, errno_text());
    return sealed;
}

std::string version_warning(std::string_view text) {
    const std::string_view line = text.substr(0, text.find('\n'));
    if (!line.starts_with("runc version ")) return {};
    std::array<unsigned, 3> parts{};
    std::size_t part = 0;
    for (const char c : line.substr(13)) {
        if (c >= '0' && c <= '9')
            parts[part] = parts[part] * 10 + static_cast<unsigned>(c - '0');
        else if (c != '.' || ++part == parts.size())
            break;
    }
    // CVE-2025-31133, -52565 and -52881 are fixed in 1.2.8, in 1.3.3 and in all that follow.
    const bool fixed = parts >= std::array{1u, 3u, 3u} ||
                       (parts >= std::array{1u, 2u, 8u} && parts < std::array{1u, 3u, 0u});
    if (fixed) return {};
    return fmt::format(
        "{}: versions before 1.2.8 and 1.3.3 have known ways out of a container "
        "(CVE-2025-31133, CVE-2025-52565, CVE-2025-52881) unless the distribution has mended them",
        line);
}

}  // namespace tepui::containerizer::oci
