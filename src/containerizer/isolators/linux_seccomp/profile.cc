// Reading a profile, and deciding which of its rules count.

#include "containerizer/isolators/linux_seccomp/profile.h"

#include <simdjson.h>
#include <sys/utsname.h>

#include <algorithm>
#include <array>
#include <cstdio>

#include "containerizer/isolators/linux_capabilities/capabilities.h"

namespace tepui::containerizer {
namespace {

using simdjson::dom::element;
using simdjson::dom::object;

// Go's name of an architecture, and libseccomp's.
constexpr std::array<std::pair<std::string_view, std::string_view>, 8> k_architectures{{
    {"amd64", "SCMP_ARCH_X86_64"},
    {"386", "SCMP_ARCH_X86"},
    {"x86", "SCMP_ARCH_X86"},
    {"arm64", "SCMP_ARCH_AARCH64"},
    {"arm", "SCMP_ARCH_ARM"},
    {"ppc64le", "SCMP_ARCH_PPC64LE"},
    {"s390x", "SCMP_ARCH_S390X"},
    {"riscv64", "SCMP_ARCH_RISCV64"},
}};

std::unexpected<Error> bad(std::string_view where, std::string_view what) {
    return fail(Errc::invalid_argument, "{}: {}", where, what);
}

/// Nothing when it is absent.
Result<std::optional<std::string>> text_of(const object& from, std::string_view key) {
    const auto found = from[key];
    if (found.error() == simdjson::NO_SUCH_FIELD || found.is_null()) return std::nullopt;
    std::string_view text;
    if (found.get(text) != simdjson::SUCCESS) return bad(key, "is no text");
    return std::string(text);
}

Result<std::optional<std::uint64_t>> number_of(const object& from, std::string_view key) {
    const auto found = from[key];
    if (found.error() == simdjson::NO_SUCH_FIELD || found.is_null()) return std::nullopt;
    std::uint64_t number = 0;
    if (found.get(number) != simdjson::SUCCESS) return bad(key, "is no whole number");
    return number;
}

Result<std::vector<std::string>> texts_of(const object& from, std::string_view key) {
    std::vector<std::string> texts;
    const auto found = from[key];
    if (found.error() == simdjson::NO_SUCH_FIELD || found.is_null()) return texts;
    simdjson::dom::array list;
    if (found.get(list) != simdjson::SUCCESS) return bad(key, "is no list");
    for (const element each : list) {
        std::string_view text;
        if (each.get(text) != simdjson::SUCCESS) return bad(key, "holds what is no text");
        texts.emplace_back(text);
    }
    return texts;
}

Result<std::optional<std::uint32_t>> errno_of(const object& from, std::string_view key) {
    const auto number = TEPUI_TRY(number_of(from, key));
    if (!number) return std::nullopt;
    if (*number > 4095) return bad(key, "is no errno");
    return static_cast<std::uint32_t>(*number);
}

Result<SeccompCondition> condition_of(const object& from, std::string_view key) {
    SeccompCondition condition;
    const auto found = from[key];
    if (found.error() == simdjson::NO_SUCH_FIELD || found.is_null()) return condition;
    object inner;
    if (found.get(inner) != simdjson::SUCCESS) return bad(key, "is no object");
    condition.capabilities = TEPUI_TRY(texts_of(inner, "caps"));
    condition.architectures = TEPUI_TRY(texts_of(inner, "arches"));
    condition.kernel_min = TEPUI_TRY(text_of(inner, "minKernel")).value_or("");
    for (const std::string& name : condition.capabilities)
        if (!find_capability(name)) return bad(key, "there is no capability " + name);
    return condition;
}

Result<SeccompArgument> argument_of(const element& from) {
    object inner;
    if (from.get(inner) != simdjson::SUCCESS) return bad("args", "holds what is no object");
    SeccompArgument argument;
    const auto index = TEPUI_TRY(number_of(inner, "index"));
    if (!index || *index > 5) return bad("args", "the index is 0 to 5");
    argument.index = static_cast<std::uint32_t>(*index);
    argument.value = TEPUI_TRY(number_of(inner, "value")).value_or(0);
    argument.value_two = TEPUI_TRY(number_of(inner, "valueTwo")).value_or(0);
    argument.comparison = TEPUI_TRY(text_of(inner, "op")).value_or("");
    return argument;
}

Result<SeccompRule> rule_of(const element& from) {
    object inner;
    if (from.get(inner) != simdjson::SUCCESS) return bad("syscalls", "holds what is no object");
    SeccompRule rule;
    rule.calls = TEPUI_TRY(texts_of(inner, "names"));
    if (const auto name = TEPUI_TRY(text_of(inner, "name"))) rule.calls.push_back(*name);
    if (rule.calls.empty()) return bad("syscalls", "a rule names no system call");
    const auto action = TEPUI_TRY(text_of(inner, "action"));
    if (!action) return bad(rule.calls.front(), "the rule has no action");
    rule.action = *action;
    rule.errno_value = TEPUI_TRY(errno_of(inner, "errnoRet"));
    const auto arguments = inner["args"];
    if (arguments.error() != simdjson::NO_SUCH_FIELD && !arguments.is_null()) {
        simdjson::dom::array list;
        if (arguments.get(list) != simdjson::SUCCESS) return bad("args", "is no list");
        for (const element each : list) rule.arguments.push_back(TEPUI_TRY(argument_of(each)));
    }
    rule.includes = TEPUI_TRY(condition_of(inner, "includes"));
    rule.excludes = TEPUI_TRY(condition_of(inner, "excludes"));
    return rule;
}

/// "archMap" gives for each native architecture the others that its kernel also runs.
Result<std::vector<std::string>> architectures_of(const object& from) {
    std::vector<std::string> all = TEPUI_TRY(texts_of(from, "architectures"));
    const auto map = from["archMap"];
    if (map.error() == simdjson::NO_SUCH_FIELD || map.is_null()) return all;
    simdjson::dom::array list;
    if (map.get(list) != simdjson::SUCCESS) return bad("archMap", "is no list");
    const std::string native = this_subject(0).architecture;
    for (const element each : list) {
        object inner;
        if (each.get(inner) != simdjson::SUCCESS) return bad("archMap", "holds what is no object");
        const auto name = TEPUI_TRY(text_of(inner, "architecture"));
        if (!name) return bad("archMap", "an entry has no architecture");
        const bool ours = std::ranges::any_of(k_architectures, [&](const auto& pair) {
            return pair.first == native && pair.second == *name;
        });
        if (!ours) continue;
        all.push_back(*name);
        for (std::string& other : TEPUI_TRY(texts_of(inner, "subArchitectures")))
            all.push_back(std::move(other));
    }
    return all;
}

bool has_architecture(const std::vector<std::string>& names, const std::string& own) {
    return std::ranges::any_of(names, [&](const std::string& name) {
        return name == own || std::ranges::any_of(k_architectures, [&](const auto& pair) {
                   return pair.first == own && pair.second == name;
               });
    });
}

bool has_capabilities(const std::vector<std::string>& names, std::uint64_t own) {
    return std::ranges::all_of(names, [own](const std::string& name) {
        return (find_capability(name).value_or(0) & own) != 0;
    });
}

bool is_at_least(const std::string& kernel, const std::string& wanted) {
    const auto parse = [](const std::string& text) {
        std::pair<unsigned, unsigned> version{0, 0};
        std::sscanf(text.c_str(), "%u.%u", &version.first, &version.second);
        return version;
    };
    return parse(kernel) >= parse(wanted);
}

bool counts(const SeccompRule& rule, const SeccompSubject& subject) {
    const SeccompCondition& in = rule.includes;
    if (!in.architectures.empty() && !has_architecture(in.architectures, subject.architecture))
        return false;
    if (!has_capabilities(in.capabilities, subject.capabilities)) return false;
    if (!in.kernel_min.empty() && !is_at_least(subject.kernel, in.kernel_min)) return false;
    const SeccompCondition& out = rule.excludes;
    if (!out.architectures.empty() && has_architecture(out.architectures, subject.architecture))
        return false;
    if (std::ranges::any_of(out.capabilities, [&](const std::string& name) {
            return has_capabilities({name}, subject.capabilities);
        }))
        return false;
    return out.kernel_min.empty() || !is_at_least(subject.kernel, out.kernel_min);
}

}  // namespace

Result<SeccompProfile> parse_seccomp_profile(std::string_view json) {
    simdjson::dom::parser parser;
    object top;
    if (parser.parse(json.data(), json.size()).get(top) != simdjson::SUCCESS)
        return fail(Errc::invalid_argument, "it is no JSON object");
    SeccompProfile profile;
    const auto action = TEPUI_TRY(text_of(top, "defaultAction"));
    if (!action) return fail(Errc::invalid_argument, "it has no defaultAction");
    profile.default_action = *action;
    profile.default_errno = TEPUI_TRY(errno_of(top, "defaultErrnoRet"));
    profile.architectures = TEPUI_TRY(architectures_of(top));
    const auto rules = top["syscalls"];
    if (rules.error() == simdjson::NO_SUCH_FIELD || rules.is_null()) return profile;
    simdjson::dom::array list;
    if (rules.get(list) != simdjson::SUCCESS) return bad("syscalls", "is no list");
    for (const element each : list) profile.rules.push_back(TEPUI_TRY(rule_of(each)));
    return profile;
}

SeccompProfile resolve_profile(const SeccompProfile& profile, const SeccompSubject& subject) {
    SeccompProfile resolved = profile;
    std::erase_if(resolved.rules, [&](const SeccompRule& rule) { return !counts(rule, subject); });
    for (SeccompRule& rule : resolved.rules) rule.includes = rule.excludes = {};
    return resolved;
}

SeccompSubject this_subject(std::uint64_t capabilities) {
    utsname machine{};
    ::uname(&machine);
    const std::string name = machine.machine;
    const std::array<std::pair<std::string_view, std::string_view>, 3> go{
        {{"x86_64", "amd64"}, {"aarch64", "arm64"}, {"i686", "386"}}};
    const auto found =
        std::ranges::find(go, name, &std::pair<std::string_view, std::string_view>::first);
    return {.capabilities = capabilities,
            .architecture = found == go.end() ? name : std::string(found->second),
            .kernel = machine.release};
}

}  // namespace tepui::containerizer
