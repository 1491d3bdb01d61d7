#include "containerizer/isolators/cgroups_devices/device_rules.h"

#include <fmt/core.h>
#include <linux/bpf.h>
#include <sys/stat.h>
#include <sys/sysmacros.h>

namespace tepui::containerizer {
namespace {

std::string number_or_all(const std::optional<std::uint32_t>& number) {
    return number ? fmt::to_string(*number) : "*";
}

BpfInstruction instruction(int code, int destination, int source, int offset, int immediate) {
    return {static_cast<std::uint8_t>(code), static_cast<std::uint8_t>(destination | (source << 4)),
            static_cast<std::int16_t>(offset), immediate};
}

// Registers of the program: r1 is the kernel's bpf_cgroup_dev_ctx, which is read into these.
constexpr int k_type = 2;
constexpr int k_access = 3;
constexpr int k_major = 4;
constexpr int k_minor = 5;
constexpr int k_scratch = 6;

int access_bits(const DeviceRule& rule) {
    return (rule.mknod ? BPF_DEVCG_ACC_MKNOD : 0) | (rule.read ? BPF_DEVCG_ACC_READ : 0) |
           (rule.write ? BPF_DEVCG_ACC_WRITE : 0);
}

/// Returns 1 when the rule allows what is asked, else falls through.
void append_rule(const DeviceRule& rule, std::vector<BpfInstruction>& program) {
    std::vector<BpfInstruction> checks;  // Each jumps past the rule's end; offsets come later.
    const int type = rule.kind == 'b' ? BPF_DEVCG_DEV_BLOCK : BPF_DEVCG_DEV_CHAR;
    checks.push_back(instruction(BPF_JMP | BPF_JNE | BPF_K, k_type, 0, 0, type));
    if (rule.major)
        checks.push_back(
            instruction(BPF_JMP | BPF_JNE | BPF_K, k_major, 0, 0, static_cast<int>(*rule.major)));
    if (rule.minor)
        checks.push_back(
            instruction(BPF_JMP | BPF_JNE | BPF_K, k_minor, 0, 0, static_cast<int>(*rule.minor)));
    // What is asked for beyond what the rule gives must be nothing.
    checks.push_back(instruction(BPF_ALU64 | BPF_MOV | BPF_X, k_scratch, k_access, 0, 0));
    checks.push_back(instruction(BPF_ALU64 | BPF_AND | BPF_K, k_scratch, 0, 0, ~access_bits(rule)));
    checks.push_back(instruction(BPF_JMP | BPF_JNE | BPF_K, k_scratch, 0, 0, 0));
    checks.push_back(instruction(BPF_ALU64 | BPF_MOV | BPF_K, BPF_REG_0, 0, 0, 1));
    checks.push_back(instruction(BPF_JMP | BPF_EXIT, 0, 0, 0, 0));
    for (std::size_t i = 0; i < checks.size(); ++i)
        if (checks[i].code == (BPF_JMP | BPF_JNE | BPF_K))
            checks[i].offset = static_cast<std::int16_t>(checks.size() - i - 1);
    program.insert(program.end(), checks.begin(), checks.end());
}

}  // namespace

Result<DeviceRule> rule_of(const AllowedDevice& device) {
    struct stat node{};
    if (::stat(device.path.c_str(), &node) != 0 ||
        (!S_ISCHR(node.st_mode) && !S_ISBLK(node.st_mode)))
        return fail(Errc::invalid_argument, "--allowed_devices: '{}' is no device of this machine",
                    device.path);
    return DeviceRule{.kind = S_ISBLK(node.st_mode) ? 'b' : 'c',
                      .major = major(node.st_rdev),
                      .minor = minor(node.st_rdev),
                      .read = device.read,
                      .write = device.write,
                      .mknod = device.mknod};
}

std::vector<DeviceRule> device_rules(const std::vector<DeviceRule>& allowed,
                                     const std::vector<DevicePlan>& devices) {
    std::vector<DeviceRule> rules{
        {.kind = 'c', .read = false, .write = false},
        {.kind = 'b', .read = false, .write = false},
        {.major = 5, .minor = 1},     // console
        {.major = 4, .minor = 0},     // tty0
        {.major = 4, .minor = 1},     // tty1
        {.major = 136},               // Pseudo terminals.
        {.major = 5, .minor = 2},     // ptmx
        {.major = 10, .minor = 200},  // tun
        {.major = 1, .minor = 3},     // null
        {.major = 1, .minor = 5},     // zero
        {.major = 1, .minor = 7},     // full
        {.major = 5, .minor = 0},     // tty
        {.major = 1, .minor = 9},     // urandom
        {.major = 1, .minor = 8},     // random
    };
    rules.insert(rules.end(), allowed.begin(), allowed.end());
    for (const DevicePlan& device : devices)
        rules.push_back({.kind = device.kind,
                         .major = device.major,
                         .minor = device.minor,
                         .read = device.read,
                         .write = device.write,
                         .mknod = device.mknod});
    return rules;
}

std::string to_v1(const DeviceRule& rule) {
    return fmt::format("{} {}:{} {}{}{}", rule.kind, number_or_all(rule.major),
                       number_or_all(rule.minor), rule.read ? "r" : "", rule.write ? "w" : "",
                       rule.mknod ? "m" : "");
}

std::vector<BpfInstruction> to_v2(const std::vector<DeviceRule>& rules) {
    // The first field of the context: the type in its lower 16 bits, the access in the upper.
    std::vector<BpfInstruction> program{
        instruction(BPF_LDX | BPF_MEM | BPF_W, k_type, BPF_REG_1, 0, 0),
        instruction(BPF_ALU64 | BPF_MOV | BPF_X, k_access, k_type, 0, 0),
        instruction(BPF_ALU64 | BPF_AND | BPF_K, k_type, 0, 0, 0xffff),
        instruction(BPF_ALU64 | BPF_RSH | BPF_K, k_access, 0, 0, 16),
        instruction(BPF_LDX | BPF_MEM | BPF_W, k_major, BPF_REG_1, 4, 0),
        instruction(BPF_LDX | BPF_MEM | BPF_W, k_minor, BPF_REG_1, 8, 0),
    };
    for (const DeviceRule& rule : rules) append_rule(rule, program);
    program.push_back(instruction(BPF_ALU64 | BPF_MOV | BPF_K, BPF_REG_0, 0, 0, 0));
    program.push_back(instruction(BPF_JMP | BPF_EXIT, 0, 0, 0, 0));
    return program;
}

}  // namespace tepui::containerizer
