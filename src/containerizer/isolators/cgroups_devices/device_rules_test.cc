#include <gtest/gtest.h>
#include <linux/bpf.h>
#include <sys/stat.h>
#include <unistd.h>

#include <map>

#include "containerizer/isolators/cgroups_devices/cgroups_devices.h"
#include "containerizer/isolators/cgroups_devices/device_rules.h"

namespace tepui::containerizer {
namespace {

/// What the kernel's machine does with the few instructions that to_v2() makes.
int run(const std::vector<BpfInstruction>& program, std::uint32_t type, std::uint32_t access,
        std::uint32_t major, std::uint32_t minor) {
    const std::uint32_t context[] = {(access << 16) | type, major, minor};
    std::map<int, std::uint64_t> registers;
    for (std::size_t at = 0; at < program.size(); ++at) {
        const BpfInstruction& now = program[at];
        const int destination = now.registers & 0xf;
        const int source = now.registers >> 4;
        const auto immediate = static_cast<std::uint64_t>(static_cast<std::int64_t>(now.immediate));
        switch (now.code) {
            case BPF_LDX | BPF_MEM | BPF_W: registers[destination] = context[now.offset / 4]; break;
            case BPF_ALU64 | BPF_MOV | BPF_X: registers[destination] = registers[source]; break;
            case BPF_ALU64 | BPF_MOV | BPF_K: registers[destination] = immediate; break;
            case BPF_ALU64 | BPF_AND | BPF_K: registers[destination] &= immediate; break;
            case BPF_ALU64 | BPF_RSH | BPF_K: registers[destination] >>= immediate; break;
            case BPF_JMP | BPF_JNE | BPF_K:
                if (registers[destination] != immediate) at += static_cast<std::size_t>(now.offset);
                break;
            case BPF_JMP | BPF_EXIT: return static_cast<int>(registers[0]);
            default: ADD_FAILURE() << "instruction " << int{now.code}; return -1;
        }
    }
    ADD_FAILURE() << "the program does not end";
    return -1;
}

constexpr auto k_char = BPF_DEVCG_DEV_CHAR;
constexpr auto k_block = BPF_DEVCG_DEV_BLOCK;
constexpr auto k_read = BPF_DEVCG_ACC_READ;
constexpr auto k_write = BPF_DEVCG_ACC_WRITE;
constexpr auto k_mknod = BPF_DEVCG_ACC_MKNOD;

TEST(DeviceRulesTest, TextOfV1) {
    EXPECT_EQ(to_v1({.kind = 'c', .major = 1, .minor = 3}), "c 1:3 rwm");
    EXPECT_EQ(to_v1({.kind = 'b', .read = false, .write = false}), "b *:* m");
    EXPECT_EQ(to_v1({.kind = 'c', .major = 136, .mknod = false}), "c 136:* rw");
}

TEST(DeviceRulesTest, ProgramOfV2AllowsTheSame) {
    const auto program = to_v2(
        device_rules({{.kind = 'b', .major = 8, .minor = 1, .write = false, .mknod = false}},
                     {DevicePlan{.path = "/dev/nvidia0", .kind = 'c', .major = 195, .minor = 0}}));
    EXPECT_EQ(run(program, k_char, k_read | k_write, 1, 3), 1) << "null";
    EXPECT_EQ(run(program, k_char, k_read, 1, 1), 0) << "mem";
    EXPECT_EQ(run(program, k_block, k_read, 1, 3), 0) << "a block device of those numbers";
    EXPECT_EQ(run(program, k_char, k_read | k_write, 136, 17), 1) << "any terminal";
    EXPECT_EQ(run(program, k_block, k_mknod, 8, 0), 1) << "nodes may be made";
    EXPECT_EQ(run(program, k_block, k_mknod | k_read, 8, 0), 0) << "and not be used";
    EXPECT_EQ(run(program, k_block, k_read, 8, 1), 1) << "allowed by flag";
    EXPECT_EQ(run(program, k_block, k_read | k_write, 8, 1), 0) << "for reading only";
    EXPECT_EQ(run(program, k_char, k_read | k_write, 195, 0), 1) << "a device of the plan";
    EXPECT_EQ(run(program, k_char, k_read | k_write, 195, 1), 0) << "and not its neighbour";
}

TEST(DeviceRulesTest, RulesOfDevicesByPath) {
    const auto null = rule_of({.path = "/dev/null", .read = true});
    ASSERT_TRUE(null);
    EXPECT_EQ(to_v1(*null), "c 1:3 r");
    EXPECT_EQ(rule_of({.path = "/etc/passwd", .read = true}).error().code, Errc::invalid_argument);
    EXPECT_EQ(rule_of({.path = "/dev/nothing", .read = true}).error().code, Errc::invalid_argument);
}

}  // namespace
}  // namespace tepui::containerizer
