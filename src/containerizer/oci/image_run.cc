#include "containerizer/oci/image_run.h"

#include <fcntl.h>
#include <linux/openat2.h>
#include <sys/stat.h>
#include <sys/syscall.h>
#include <unistd.h>

#include <algorithm>
#include <charconv>
#include <optional>

#include "containerizer/descriptor.h"

namespace tepui::containerizer::oci {
namespace {

constexpr std::size_t k_database_bytes_max = std::size_t{4} << 20;

std::vector<std::string_view> split(std::string_view text, char separator) {
    std::vector<std::string_view> parts;
    for (;;) {
        const std::size_t at = text.find(separator);
        parts.push_back(text.substr(0, at));
        if (at == std::string_view::npos) return parts;
        text.remove_prefix(at + 1);
    }
}

std::optional<std::uint32_t> number(std::string_view text) {
    std::uint32_t value = 0;
    const auto [end, error] = std::from_chars(text.data(), text.data() + text.size(), value);
    // The last number means nobody: setuid takes it for "leave it as it is".
    if (error != std::errc() || end != text.data() + text.size() || value == UINT32_MAX ||
        text.empty())
        return std::nullopt;
    return value;
}

std::string_view name_of(const std::string& variable) {
    return std::string_view(variable).substr(0, variable.find('='));
}

/// A regular file of the image; empty when there is none.
std::string read_in_root(int root, const char* path) {
    open_how how{};
    how.flags = O_RDONLY | O_NONBLOCK | O_CLOEXEC;
    how.resolve = RESOLVE_IN_ROOT | RESOLVE_NO_MAGICLINKS;
    const Descriptor file(static_cast<int>(::syscall(SYS_openat2, root, path, &how, sizeof how)));
    struct stat stat{};
    std::string text;
    if (!file || ::fstat(file.get(), &stat) != 0 || !S_ISREG(stat.st_mode)) return text;
    text.resize(
        std::min<std::size_t>(static_cast<std::size_t>(stat.st_size), k_database_bytes_max));
    std::size_t done = 0;
    while (done < text.size()) {
        const ssize_t got = ::read(file.get(), text.data() + done, text.size() - done);
        if (got <= 0) break;
        done += static_cast<std::size_t>(got);
    }
    text.resize(done);
    return text;
}

}  // namespace

Result<std::vector<std::string>> image_argv(const mesos::v1::CommandInfo& command,
                                            const images::ImageConfig& image) {
    std::vector<std::string> argv;
    const bool has_value = command.has_value() && !command.value().empty();
    if (command.shell() && !has_value)
        return fail(Errc::invalid_argument,
                    "the command has no value for a shell; set 'shell' to false to run what the "
                    "image says");
    if (has_value && command.shell()) {
        argv = {"/bin/sh", "-c", command.value()};
    } else if (has_value) {
        // By Mesos' rule the first argument is argv[0]; a runtime has the program in its place.
        argv = {command.value()};
        for (int i = 1; i < command.arguments_size(); ++i) argv.push_back(command.arguments(i));
    } else {
        argv = image.entrypoint;
        const bool given = command.arguments_size() > 0;
        if (argv.empty() && !image.cmd.empty()) {
            argv.push_back(image.cmd.front());
            if (!given) argv.insert(argv.end(), image.cmd.begin() + 1, image.cmd.end());
        } else if (!given) {
            argv.insert(argv.end(), image.cmd.begin(), image.cmd.end());
        }
        if (argv.empty())
            return fail(Errc::invalid_argument,
                        "the image has no ENTRYPOINT and no CMD: the command must say what to run");
        argv.insert(argv.end(), command.arguments().begin(), command.arguments().end());
    }
    for (const std::string& argument : argv)
        if (argument.find('\0') != std::string::npos)
            return fail(Errc::invalid_argument, "an argument of the command contains a NUL");
    argv.insert(argv.begin(), argv.front());
    return argv;
}

std::vector<std::string> image_environment(std::vector<std::string> environment,
                                           const std::vector<std::string>& image,
                                           const mesos::v1::CommandInfo& command) {
    for (const std::string& variable : image) {
        const std::string_view name = name_of(variable);
        if (name.empty() || name.size() == variable.size() ||
            variable.find('\0') != std::string::npos)
            continue;
        const bool own = std::ranges::any_of(command.environment().variables(),
                                             [&](const auto& each) { return each.name() == name; });
        if (own) continue;
        const auto found = std::ranges::find(environment, name, name_of);
        if (found == environment.end())
            environment.push_back(variable);
        else
            *found = variable;
    }
    return environment;
}

Result<User> image_user(std::string_view text, std::string_view passwd, std::string_view group) {
    User user;
    user.name = text;
    const std::size_t colon = text.find(':');
    const std::string_view who = text.substr(0, colon);
    std::optional<std::uint32_t> uid = number(who);
    bool found = uid.has_value();
    std::string login(who);
    if (uid) user.uid = *uid;
    for (const std::string_view line : split(passwd, '\n')) {
        const auto fields = split(line, ':');
        if (fields.size() < 4) continue;
        const auto line_uid = number(fields[2]);
        const auto line_gid = number(fields[3]);
        if (!line_uid || !line_gid || (fields[0] != who && line_uid != uid)) continue;
        user.uid = *line_uid;
        user.gid = *line_gid;
        login = fields[0];
        found = true;
        break;
    }
    if (!found) return fail(Errc::not_found, "the image has no user '{}'", who);
    const bool group_given = colon != std::string_view::npos && colon + 1 < text.size();
    const std::string_view wanted = group_given ? text.substr(colon + 1) : std::string_view();
    std::optional<std::uint32_t> gid = group_given ? number(wanted) : std::nullopt;
    for (const std::string_view line : split(group, '\n')) {
        const auto fields = split(line, ':');
        const auto line_gid = fields.size() < 3 ? std::nullopt : number(fields[2]);
        if (!line_gid) continue;
        if (group_given && !gid && fields[0] == wanted) gid = line_gid;
        if (group_given || fields.size() < 4) continue;
        const auto members = split(fields[3], ',');
        if (std::ranges::find(members, login) != members.end()) user.groups.push_back(*line_gid);
    }
    if (group_given && !gid) return fail(Errc::not_found, "the image has no group '{}'", wanted);
    if (gid) user.gid = *gid;
    if (std::ranges::find(user.groups, user.gid) == user.groups.end())
        user.groups.insert(user.groups.begin(), user.gid);
    return user;
}

Result<User> find_image_user(const std::string& text, const std::string& rootfs) {
    const Descriptor root(::open(rootfs.c_str(), O_PATH | O_DIRECTORY | O_CLOEXEC));
    if (!root) return fail(Errc::io, "cannot open '{}': {}", rootfs, errno_text());
    return image_user(text, read_in_root(root.get(), "etc/passwd"),
                      read_in_root(root.get(), "etc/group"));
}

}  // namespace tepui::containerizer::oci
