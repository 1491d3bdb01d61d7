#include "containerizer/secrets/resolver.h"

#include <fcntl.h>
#include <sys/stat.h>
#include <unistd.h>

#include <algorithm>

#include "containerizer/beneath.h"
#include "containerizer/secrets/sealed.h"

namespace tepui::containerizer {
namespace {

using Variable = mesos::v1::Environment::Variable;

constexpr std::size_t k_secret_bytes_max = std::size_t{1} << 20;

/// The bytes of a file that nobody but its owner, who is root or this process, may read.
Result<std::string> read_private(const Descriptor& file, const std::string& what) {
    struct stat stat{};
    if (::fstat(file.get(), &stat) != 0) return fail(Errc::io, "{}: {}", what, errno_text());
    if (!S_ISREG(stat.st_mode)) return fail(Errc::invalid_argument, "{} is not a file", what);
    if ((stat.st_mode & 0077) != 0)
        return fail(Errc::denied, "{} can be read by others (mode {:04o}): `chmod 600` it", what,
                    stat.st_mode & 07777);
    if (stat.st_uid != 0 && stat.st_uid != ::geteuid())
        return fail(Errc::denied, "{} belongs to neither root nor the agent's user", what);
    std::string bytes(k_secret_bytes_max + 1, '\0');
    std::size_t filled = 0;
    while (filled < bytes.size()) {
        const ssize_t got = ::read(file.get(), bytes.data() + filled, bytes.size() - filled);
        if (got < 0 && errno == EINTR) continue;
        if (got < 0) return fail(Errc::io, "{}: {}", what, errno_text());
        if (got == 0) break;
        filled += static_cast<std::size_t>(got);
    }
    if (filled > k_secret_bytes_max)
        return fail(Errc::invalid_argument, "{} has more than {} bytes", what, k_secret_bytes_max);
    bytes.resize(filled);
    return bytes;
}

class FileResolver final : public SecretResolver {
public:
    FileResolver(std::string directory, std::string key)
        : directory_(std::move(directory)), key_(std::move(key)) {}

    Result<std::string> resolve(const mesos::v1::Secret& secret) const override {
        if (secret.has_value() && !secret.has_reference()) return secret.value().data();
        if (!secret.has_reference() || secret.has_value())
            return fail(Errc::invalid_argument,
                        "a secret is either a value or a reference (a value is gone from what "
                        "the agent has stored)");
        const auto& reference = secret.reference();
        std::string name = reference.name();
        if (reference.has_key()) name += "/" + reference.key();
        if (directory_.empty())
            return fail(Errc::unsupported,
                        "secret '{}' is a reference, and this agent has no --secret_dir to look "
                        "it up in",
                        name);
        const Descriptor top(::open(directory_.c_str(), O_PATH | O_DIRECTORY | O_CLOEXEC));
        if (!top) return fail(Errc::io, "--secret_dir '{}': {}", directory_, errno_text());
        const auto parts = clean_path(name);
        if (!parts) return fail_with(fmt::format("secret '{}'", name), parts.error());
        auto file = open_beneath(top.get(), name, O_RDONLY | O_NONBLOCK | O_NOCTTY);
        const std::string what = fmt::format("secret '{}'", name);
        if (!file) return fail_with(what, file.error());
        std::string bytes = TEPUI_TRY(read_private(*file, what));
        if (key_.empty() && is_sealed(bytes))
            return fail(Errc::invalid_argument,
                        "{} is encrypted, and this agent has no --secret_key_file", what);
        if (key_.empty()) return bytes;
        if (!is_sealed(bytes))
            return fail(Errc::denied,
                        "{} is not encrypted, as all are with --secret_key_file: `tepui secret "
                        "encrypt`",
                        what);
        return unseal_secret(key_, name, bytes);
    }

private:
    const std::string directory_;
    const std::string key_;
};

}  // namespace

Result<std::unique_ptr<SecretResolver>> make_secret_resolver(const VolumeOptions& options) {
    std::string key;
    if (!options.secret_dir.empty()) {
        struct stat stat{};
        if (::stat(options.secret_dir.c_str(), &stat) != 0)
            return fail(Errc::invalid_argument, "--secret_dir '{}': {}", options.secret_dir,
                        errno_text());
        if (!S_ISDIR(stat.st_mode) || (stat.st_mode & 0022) != 0)
            return fail(Errc::invalid_argument,
                        "--secret_dir '{}' must be a directory that only its owner can write to",
                        options.secret_dir);
    }
    if (!options.secret_key_file.empty()) {
        const std::string what = fmt::format("--secret_key_file '{}'", options.secret_key_file);
        const Descriptor file(
            ::open(options.secret_key_file.c_str(), O_RDONLY | O_CLOEXEC | O_NOCTTY | O_NONBLOCK));
        if (!file) return fail(Errc::invalid_argument, "{}: {}", what, errno_text());
        const auto parsed = parse_secret_key(TEPUI_TRY(read_private(file, what)));
        if (!parsed) return fail_with(what, parsed.error());
        key = *parsed;
    }
    std::unique_ptr<SecretResolver> made =
        std::make_unique<FileResolver>(options.secret_dir, std::move(key));
    return made;
}

bool has_secrets(const mesos::v1::CommandInfo& command) {
    return std::ranges::any_of(command.environment().variables(), [](const Variable& variable) {
        return variable.type() == Variable::SECRET;
    });
}

Result<void> resolve_secrets(mesos::v1::CommandInfo& command, const SecretResolver& resolver) {
    for (Variable& variable : *command.mutable_environment()->mutable_variables()) {
        if (variable.type() != Variable::SECRET) continue;
        auto value = resolver.resolve(variable.secret());
        if (!value)
            return fail_with(fmt::format("environment variable '{}'", variable.name()),
                             value.error());
        if (value->find('\0') != std::string::npos)
            return fail(Errc::invalid_argument,
                        "environment variable '{}': a secret with a NUL in it can only be a file",
                        variable.name());
        variable.set_type(Variable::VALUE);
        variable.set_value(std::move(*value));
        variable.clear_secret();
    }
    return {};
}

}  // namespace tepui::containerizer
