#pragma once

#include <cstdint>
#include <optional>
#include <string>
#include <string_view>
#include <vector>

#include "base/result.h"

namespace tepui::containerizer {

/// One condition on an argument of a system call.
struct SeccompArgument {
    std::uint32_t index = 0;  // 0 to 5.
    std::uint64_t value = 0;  // Of SCMP_CMP_MASKED_EQ the mask.
    std::uint64_t value_two = 0;
    std::string comparison;  // SCMP_CMP_*
    bool operator==(const SeccompArgument&) const = default;
};

/// When a rule counts; what is empty asks for nothing.
struct SeccompCondition {
    std::vector<std::string> capabilities;   // CAP_*
    std::vector<std::string> architectures;  // "amd64" or "SCMP_ARCH_X86_64"
    std::string kernel_min;                  // "4.8"
    bool empty() const {
        return capabilities.empty() && architectures.empty() && kernel_min.empty();
    }
    bool operator==(const SeccompCondition&) const = default;
};

struct SeccompRule {
    std::vector<std::string> calls;
    std::string action;  // SCMP_ACT_*
    std::optional<std::uint32_t> errno_value;
    std::vector<SeccompArgument> arguments;
    SeccompCondition includes;
    SeccompCondition excludes;
    bool operator==(const SeccompRule&) const = default;
};

/// A profile in the format of Docker's, which is also Mesos'.
struct SeccompProfile {
    std::string default_action;
    std::optional<std::uint32_t> default_errno;
    std::vector<std::string> architectures;  // SCMP_ARCH_*, the native one's among them or none.
    std::vector<SeccompRule> rules;
    bool operator==(const SeccompProfile&) const = default;
};

/// What the rules' conditions are held against.
struct SeccompSubject {
    std::uint64_t capabilities = 0;  // What the task can get.
    std::string architecture;        // As Go names it: "amd64".
    std::string kernel;              // uname's release.
};

/// Reads a profile. Fails with invalid_argument, saying where, on what is no profile.
Result<SeccompProfile> parse_seccomp_profile(std::string_view json);

/// The profile with the rules that count for `subject` alone, without conditions.
SeccompProfile resolve_profile(const SeccompProfile& profile, const SeccompSubject& subject);

/// The kernel's filter (struct sock_filter[]) of a profile without conditions. System calls that
/// this machine does not know are left out where the rule only allows them, and fail otherwise.
Result<std::string> compile_profile(const SeccompProfile& profile);

/// The same as the object "seccomp" of an OCI runtime's configuration.
std::string profile_json(const SeccompProfile& profile);

/// This machine.
SeccompSubject this_subject(std::uint64_t capabilities);

}  // namespace tepui::containerizer
