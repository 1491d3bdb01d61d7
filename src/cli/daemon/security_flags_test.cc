#include "cli/daemon/security_flags.h"

#include <gtest/gtest.h>

#include "cli/daemon/daemon.h"

namespace tepui::cli {
namespace {

TEST(SecurityFlags, CapabilitiesAsJsonOrNames) {
    constexpr std::uint64_t k_both = 1u << 0 | 1u << 13;
    for (const char* text :
         {R"({"capabilities": ["CHOWN", "NET_RAW"]})", "CHOWN,NET_RAW", "CAP_NET_RAW,CAP_CHOWN"}) {
        const auto mask = parse_capabilities(text);
        ASSERT_TRUE(mask) << mask.error().text;
        EXPECT_EQ(*mask, k_both) << text;
    }
    EXPECT_EQ(*parse_capabilities("{}"), 0u);  // None at all.
    for (const char* text : {"FLY", R"({"capabilities": ["FLY"]})", "{", R"({"capabilities": 1})"})
        EXPECT_FALSE(parse_capabilities(text)) << text;
}

TEST(SecurityFlags, EachArrives) {
    FlagSet set;
    for (Flag& flag : security_flags()) set.flags.push_back(std::move(flag));
    const std::vector<std::string> arguments{"--allowed_capabilities=CHOWN",
                                             "--bounding_capabilities=CHOWN,KILL",
                                             "--seccomp_config_dir=/p",
                                             "--seccomp_profile_name=x.json",
                                             "--default_container_shm_size=2MB",
                                             "--disallow_sharing_agent_ipc_namespace",
                                             "--disallow_sharing_agent_pid_namespace"};
    const auto parsed =
        parse_flags(set, arguments, [](const std::string&) { return std::nullopt; });
    ASSERT_TRUE(parsed) << parsed.error().text;
    containerizer::SecurityOptions options;
    ASSERT_TRUE(read_security_flags(*parsed, options));
    EXPECT_EQ(options.effective_capabilities, 1u);
    EXPECT_EQ(options.bounding_capabilities, 1u | 1u << 5);
    EXPECT_EQ(options.seccomp_config_dir, "/p");
    EXPECT_EQ(options.seccomp_profile_name, "x.json");
    EXPECT_EQ(options.shm_bytes_default, 2u << 20);
    EXPECT_TRUE(options.disallow_sharing_agent_ipc_namespace);
    EXPECT_TRUE(options.disallow_sharing_agent_pid_namespace);
}

}  // namespace
}  // namespace tepui::cli
