// A profile as the kernel takes it, by libseccomp, and as an OCI runtime reads it.

#include <linux/filter.h>
#include <seccomp.h>
#include <sys/mman.h>
#include <unistd.h>

#include <algorithm>
#include <array>
#include <cctype>
#include <memory>
#include <set>

#include "containerizer/descriptor.h"
#include "containerizer/isolators/linux_seccomp/profile.h"
#include "wire/json_writer.h"

namespace tepui::containerizer {
namespace {

constexpr std::size_t k_instructions_max = 32'768;  // Of the kernel's, for one process.

using Filter = std::unique_ptr<void, decltype(&::seccomp_release)>;

Result<std::uint32_t> action_of(const std::string& name, std::optional<std::uint32_t> errno_value) {
    const std::uint32_t value = errno_value.value_or(EPERM);
    if (name == "SCMP_ACT_ALLOW") return SCMP_ACT_ALLOW;
    if (name == "SCMP_ACT_ERRNO") return SCMP_ACT_ERRNO(value);
    if (name == "SCMP_ACT_KILL" || name == "SCMP_ACT_KILL_THREAD") return SCMP_ACT_KILL_THREAD;
    if (name == "SCMP_ACT_KILL_PROCESS") return SCMP_ACT_KILL_PROCESS;
    if (name == "SCMP_ACT_TRAP") return SCMP_ACT_TRAP;
    if (name == "SCMP_ACT_LOG") return SCMP_ACT_LOG;
    if (name == "SCMP_ACT_TRACE") return SCMP_ACT_TRACE(value);
    return fail(Errc::invalid_argument, "unknown action '{}'", name);
}

bool only_allows(const std::string& action) {
    return action == "SCMP_ACT_ALLOW" || action == "SCMP_ACT_LOG";
}

Result<scmp_compare> comparison_of(const std::string& name) {
    constexpr std::array<std::pair<std::string_view, scmp_compare>, 7> k_names{{
        {"SCMP_CMP_NE", SCMP_CMP_NE},
        {"SCMP_CMP_LT", SCMP_CMP_LT},
        {"SCMP_CMP_LE", SCMP_CMP_LE},
        {"SCMP_CMP_EQ", SCMP_CMP_EQ},
        {"SCMP_CMP_GE", SCMP_CMP_GE},
        {"SCMP_CMP_GT", SCMP_CMP_GT},
        {"SCMP_CMP_MASKED_EQ", SCMP_CMP_MASKED_EQ},
    }};
    for (const auto& [known, value] : k_names)
        if (known == name) return value;
    return fail(Errc::invalid_argument, "unknown comparison '{}'", name);
}

Result<std::vector<scmp_arg_cmp>> conditions_of(const SeccompRule& rule) {
    std::vector<scmp_arg_cmp> conditions;
    for (const SeccompArgument& argument : rule.arguments) {
        scmp_arg_cmp condition{};
        condition.arg = argument.index;
        condition.op = TEPUI_TRY(comparison_of(argument.comparison));
        condition.datum_a = argument.value;
        condition.datum_b = argument.value_two;
        conditions.push_back(condition);
    }
    return conditions;
}

Result<void> add(const Filter& filter, const std::string& call, std::uint32_t action, int number,
                 const scmp_arg_cmp* conditions, std::size_t count) {
    const int error = -::seccomp_rule_add_array(filter.get(), action, number,
                                                static_cast<unsigned>(count), conditions);
    // There already, or of no meaning on one of the architectures.
    if (error == 0 || error == EEXIST || error == EDOM) return {};
    return fail(Errc::invalid_argument, "the rule for '{}': {}", call, errno_text(error));
}

Result<void> add_rule(const Filter& filter, const SeccompRule& rule, std::uint32_t fallback) {
    const std::uint32_t action = TEPUI_TRY(action_of(rule.action, rule.errno_value));
    const std::vector<scmp_arg_cmp> conditions = TEPUI_TRY(conditions_of(rule));
    if (action == fallback) return {};  // It says nothing, which libseccomp takes for a mistake.
    std::set<std::uint32_t> indexes;
    for (const SeccompArgument& argument : rule.arguments) indexes.insert(argument.index);
    // Conditions on one and the same argument are alternatives, as Docker has it; on several ones
    // all must hold.
    const bool alternatives = indexes.size() != conditions.size();
    for (const std::string& call : rule.calls) {
        const int number = ::seccomp_syscall_resolve_name(call.c_str());
        if (number == __NR_SCMP_ERROR) {
            if (only_allows(rule.action)) continue;
            return fail(Errc::invalid_argument, "unknown system call '{}'", call);
        }
        if (!alternatives) {
            TEPUI_CHECK_OK(add(filter, call, action, number, conditions.data(), conditions.size()));
            continue;
        }
        for (const scmp_arg_cmp& condition : conditions)
            TEPUI_CHECK_OK(add(filter, call, action, number, &condition, 1));
    }
    return {};
}

Result<void> add_architectures(const Filter& filter, const std::vector<std::string>& names) {
    for (const std::string& name : names) {
        std::string plain = name;
        if (plain.starts_with("SCMP_ARCH_")) plain.erase(0, sizeof "SCMP_ARCH_" - 1);
        std::ranges::transform(plain, plain.begin(),
                               [](unsigned char c) { return static_cast<char>(std::tolower(c)); });
        const std::uint32_t token = ::seccomp_arch_resolve_name(plain.c_str());
        if (token == 0) return fail(Errc::invalid_argument, "unknown architecture '{}'", name);
        const int error = -::seccomp_arch_add(filter.get(), token);
        if (error != 0 && error != EEXIST)
            return fail(Errc::invalid_argument, "the architecture '{}': {}", name,
                        errno_text(error));
    }
    return {};
}

Result<std::string> export_filter(const Filter& filter) {
    const Descriptor file(::memfd_create("tepui-seccomp", MFD_CLOEXEC));
    if (!file) return fail(Errc::io, "cannot make a memory file: {}", errno_text());
    const int error = -::seccomp_export_bpf(filter.get(), file.get());
    if (error != 0) return fail(Errc::io, "it cannot be compiled: {}", errno_text(error));
    const off_t size = ::lseek(file.get(), 0, SEEK_END);
    std::string bytes(static_cast<std::size_t>(std::max<off_t>(size, 0)), '\0');
    if (size <= 0 || ::pread(file.get(), bytes.data(), bytes.size(), 0) != size)
        return fail(Errc::io, "the compiled filter cannot be read: {}", errno_text());
    if (bytes.size() / sizeof(sock_filter) > k_instructions_max)
        return fail(Errc::too_large, "it has more rules than the kernel takes");
    return bytes;
}

void write_rule(wire::JsonWriter& json, const SeccompRule& rule) {
    json.begin_object().key("names").begin_array();
    for (const std::string& call : rule.calls) json.value(call);
    json.end_array().key("action").value(rule.action);
    if (rule.errno_value) json.key("errnoRet").value(*rule.errno_value);
    if (!rule.arguments.empty()) {
        json.key("args").begin_array();
        for (const SeccompArgument& argument : rule.arguments)
            json.begin_object()
                .key("index")
                .value(argument.index)
                .key("value")
                .value(argument.value)
                .key("valueTwo")
                .value(argument.value_two)
                .key("op")
                .value(argument.comparison)
                .end_object();
        json.end_array();
    }
    json.end_object();
}

}  // namespace

Result<std::string> compile_profile(const SeccompProfile& profile) {
    const std::uint32_t fallback =
        TEPUI_TRY(action_of(profile.default_action, profile.default_errno));
    const Filter filter(::seccomp_init(fallback), &::seccomp_release);
    if (!filter) return fail(Errc::io, "libseccomp does not start a filter");
    TEPUI_CHECK_OK(add_architectures(filter, profile.architectures));
    for (const SeccompRule& rule : profile.rules) TEPUI_CHECK_OK(add_rule(filter, rule, fallback));
    return export_filter(filter);
}

std::string profile_json(const SeccompProfile& profile) {
    std::string text;
    wire::JsonWriter json(text);
    json.begin_object().key("defaultAction").value(profile.default_action);
    if (profile.default_errno) json.key("defaultErrnoRet").value(*profile.default_errno);
    if (!profile.architectures.empty()) {
        json.key("architectures").begin_array();
        for (const std::string& name : profile.architectures) json.value(name);
        json.end_array();
    }
    json.key("syscalls").begin_array();
    for (const SeccompRule& rule : profile.rules) write_rule(json, rule);
    json.end_array().end_object();
    return text;
}

}  // namespace tepui::containerizer
