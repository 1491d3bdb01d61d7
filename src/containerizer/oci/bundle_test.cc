#include "containerizer/oci/bundle.h"

#include <gmock/gmock.h>
#include <gtest/gtest.h>
#include <simdjson.h>
#include <sys/mount.h>
#include <sys/resource.h>

namespace tepui::containerizer::oci {
namespace {

using testing::ElementsAre;
using testing::HasSubstr;
using testing::Not;

LaunchPlan plain() {
    LaunchPlan plan;
    plan.container = "c1";
    plan.argv = {"/bin/app", "/bin/app", "--all", "a \"b\""};
    plan.environment = {"PATH=/bin", "A=b"};
    plan.flags = SHIM_NEW_PID_NS | SHIM_NEW_MOUNT_NS;
    plan.root = RootPlan{"/agent/provisioner/x/rootfs", "/data", false};
    return plan;
}

/// The value at a JSON pointer, as text.
std::string at(const std::string& config, std::string_view pointer) {
    simdjson::dom::parser parser;
    simdjson::dom::element root;
    simdjson::dom::element found;
    if (parser.parse(config).get(root) != simdjson::SUCCESS) return "no JSON";
    if (root.at_pointer(pointer).get(found) != simdjson::SUCCESS) return "nothing";
    return simdjson::minify(found);
}

std::string config_of(const LaunchPlan& plan) {
    const Result<std::string> config = make_config(plan, "/tepui/a/x");
    EXPECT_TRUE(config) << config.error().text;
    return config.value_or("");
}

std::vector<std::string> mounts_of(const std::string& config) {
    simdjson::dom::parser parser;
    simdjson::dom::element root;
    std::vector<std::string> lines;
    if (parser.parse(config).get(root) != simdjson::SUCCESS) return lines;
    for (const auto mount : root["mounts"].get_array()) {
        std::string line = std::string(std::string_view(mount["source"])) + " " +
                           std::string(std::string_view(mount["destination"])) + " " +
                           std::string(std::string_view(mount["type"]));
        for (const auto option : mount["options"].get_array())
            line += " " + std::string(std::string_view(option));
        lines.push_back(line);
    }
    return lines;
}

TEST(OciBundle, HasThePlansProcess) {
    LaunchPlan plan = plain();
    plan.user = User{"app", 1000, 1001, {1001, 44}};
    plan.rlimits = {{RLIMIT_NOFILE, 0, 10, 20}};
    plan.no_new_privileges = true;
    plan.oom_score_adj = 300;
    plan.terminal = true;
    EXPECT_EQ(at(config_of(plan), "/process"),
              R"({"terminal":true,"user":{"uid":1000,"gid":1001,"additionalGids":[44]},)"
              R"("args":["/bin/app","--all","a \"b\""],"env":["PATH=/bin","A=b"],"cwd":"/data",)"
              R"("capabilities":{"bounding":["CAP_CHOWN","CAP_DAC_OVERRIDE","CAP_FOWNER",)"
              R"("CAP_FSETID","CAP_KILL","CAP_SETGID","CAP_SETUID","CAP_SETPCAP",)"
              R"("CAP_NET_BIND_SERVICE","CAP_NET_RAW","CAP_SYS_CHROOT","CAP_MKNOD",)"
              R"("CAP_AUDIT_WRITE","CAP_SETFCAP"],"effective":[],"permitted":[],)"
              R"("inheritable":[],"ambient":[]},)"
              R"("rlimits":[{"type":"RLIMIT_NOFILE","hard":20,"soft":10}],)"
              R"("noNewPrivileges":true,"oomScoreAdj":300})");
}

TEST(OciBundle, GivesTheCapabilitiesOfThePlanAndNoOthers) {
    LaunchPlan plan = plain();
    plan.capabilities = CapabilityPlan{1, 3};
    EXPECT_EQ(at(config_of(plan), "/process/capabilities"),
              R"({"bounding":["CAP_CHOWN","CAP_DAC_OVERRIDE"],"effective":["CAP_CHOWN"],)"
              R"("permitted":["CAP_CHOWN"],"inheritable":["CAP_CHOWN"],"ambient":["CAP_CHOWN"]})");
}

TEST(OciBundle, RootWithoutAPlanHasDockersCapabilitiesAndNoAmbientOnes) {
    const std::string config = config_of(plain());
    EXPECT_THAT(at(config, "/process/capabilities/effective"), HasSubstr("CAP_NET_RAW"));
    EXPECT_THAT(at(config, "/process/capabilities/effective"), Not(HasSubstr("SYS_ADMIN")));
    EXPECT_EQ(at(config, "/process/capabilities/inheritable"), "[]");
}

TEST(OciBundle, MountsItsOwnDevFirstAndThePlansMountsLast) {
    LaunchPlan plan = plain();
    plan.mounts = {{.source = "/sandbox", .target = "/mnt/mesos/sandbox", .type = "", .data = {}},
                   {.source = "tmpfs",
                    .target = "/dev/shm",
                    .type = "tmpfs",
                    .flags = MS_NOSUID,
                    .data = "size=1m"},
                   {.source = "/v",
                    .target = "/v",
                    .type = "",
                    .flags = MS_RDONLY | MS_SHARED,
                    .data = {},
                    .recursive = false}};
    const std::string config = config_of(plan);
    EXPECT_THAT(
        mounts_of(config),
        ElementsAre(
            "proc /proc proc nosuid noexec nodev",
            "tmpfs /dev tmpfs nosuid strictatime mode=755 size=65536k",
            "devpts /dev/pts devpts nosuid noexec newinstance ptmxmode=0666 mode=0620 gid=5",
            "mqueue /dev/mqueue mqueue nosuid noexec nodev",
            "sysfs /sys sysfs nosuid noexec nodev ro",
            "/sandbox /mnt/mesos/sandbox bind rbind rslave", "tmpfs /dev/shm tmpfs nosuid size=1m",
            "/v /v bind bind rshared ro"));
    EXPECT_EQ(at(config, "/linux/rootfsPropagation"), "\"rshared\"");
}

TEST(OciBundle, AMountInPlaceOfDevDoesNotTakeOursAway) {
    LaunchPlan plan = plain();
    plan.mounts = {{.source = "/v", .target = "/dev", .type = "", .data = {}}};
    EXPECT_THAT(mounts_of(config_of(plan))[1], testing::StartsWith("tmpfs /dev tmpfs"));
}

TEST(OciBundle, JoinsTheNamespacesOfThePlan) {
    LaunchPlan plan = plain();
    EXPECT_EQ(at(config_of(plan), "/linux/namespaces"),
              R"([{"type":"mount"},{"type":"uts"},{"type":"ipc"},{"type":"pid"}])");
    plan.network_namespace = "/run/netns/a";
    plan.ipc_namespace = "/proc/7/ns/ipc";
    plan.flags = 0;
    plan.hostname = "box";
    EXPECT_EQ(at(config_of(plan), "/linux/namespaces"),
              R"([{"type":"mount"},{"type":"uts"},{"type":"ipc","path":"/proc/7/ns/ipc"},)"
              R"({"type":"network","path":"/run/netns/a"}])");
    EXPECT_EQ(at(config_of(plan), "/hostname"), "\"box\"");
}

TEST(OciBundle, RefusesEveryDeviceThatIsNotNamed) {
    LaunchPlan plan = plain();
    plan.devices = {{.path = "/dev/fuse", .kind = 'c', .major = 10, .minor = 229, .write = false}};
    const std::string config = config_of(plan);
    EXPECT_EQ(at(config, "/linux/resources"),
              R"({"devices":[{"allow":false,"access":"rwm"},)"
              R"({"allow":true,"type":"c","major":10,"minor":229,"access":"r"}]})");
    EXPECT_EQ(at(config, "/linux/devices"),
              R"([{"path":"/dev/fuse","type":"c","major":10,"minor":229,"fileMode":292,)"
              R"("uid":0,"gid":0}])");
}

TEST(OciBundle, PassesTheSystemCallFilterOn) {
    LaunchPlan plan = plain();
    EXPECT_EQ(at(config_of(plan), "/linux/seccomp"), "nothing");
    plan.seccomp = R"({"defaultAction":"SCMP_ACT_ERRNO"})";
    EXPECT_EQ(at(config_of(plan), "/linux/seccomp/defaultAction"), "\"SCMP_ACT_ERRNO\"");
}

TEST(OciBundle, NamesItsCgroupAndNoLimits) {
    const std::string config = config_of(plain());
    EXPECT_EQ(at(config, "/linux/cgroupsPath"), "\"/tepui/a/x\"");
    EXPECT_EQ(at(config, "/linux/resources/memory"), "nothing");
    EXPECT_THAT(at(config, "/linux/maskedPaths"), HasSubstr("/proc/kcore"));
    EXPECT_THAT(at(config, "/linux/readonlyPaths"), HasSubstr("/proc/sys"));
}

TEST(OciBundle, TheShimIsToldWhatProbesNeedAndNothingToMount) {
    LaunchPlan plan = plain();
    plan.mounts = {{.source = "/v", .target = "/v", .type = "", .data = {}}};
    plan.network_namespace = "/run/netns/a";
    const LaunchPlan shim = plan_for_shim(plan);
    EXPECT_TRUE(shim.mounts.empty());
    EXPECT_EQ(shim.flags & (SHIM_NEW_PID_NS | SHIM_NEW_MOUNT_NS), 0u);
    EXPECT_EQ(shim.network_namespace, "");
    ASSERT_TRUE(shim.capabilities);
    EXPECT_EQ(shim.capabilities->bounding, default_capabilities());
}

TEST(OciBundle, TheLastErrorOfALogIsWhatTheRuntimeSays) {
    EXPECT_EQ(last_error("{\"level\":\"warning\",\"msg\":\"w\"}\nrubbish\n"
                         "{\"level\":\"error\",\"msg\":\"first\"}\n"
                         "{\"level\":\"error\",\"msg\":\"no \\\"such\\\" file\"}\n"
                         "{\"level\":\"info\",\"msg\":\"i\"}"),
              "no \"such\" file");
    EXPECT_EQ(last_error(""), "");
}

LaunchPlan in_user_namespace() {
    LaunchPlan plan = plain();
    auto made = UserNamespace::make({700'000, 800'000, 65'536});
    EXPECT_TRUE(made) << made.error().text;
    if (made) plan.user_namespace = *made;
    return plan;
}

TEST(OciBundle, AUserNamespaceHasItsIdsAndIsShownTheHostsSys) {
    LaunchPlan plan = in_user_namespace();
    plan.ipc_namespace = "/run/ipc";
    const std::string config = config_of(plan);
    EXPECT_EQ(at(config, "/linux/uidMappings"),
              R"([{"containerID":0,"hostID":700000,"size":65536}])");
    EXPECT_EQ(at(config, "/linux/gidMappings"),
              R"([{"containerID":0,"hostID":800000,"size":65536}])");
    EXPECT_THAT(at(config, "/linux/namespaces"), HasSubstr(R"({"type":"user"})"));
    EXPECT_THAT(at(config, "/linux/maskedPaths"), HasSubstr("/sys/fs/cgroup"));
    const std::vector<std::string> mounts = mounts_of(config);
    EXPECT_THAT(mounts, testing::Contains("/sys /sys bind rbind rslave nosuid noexec nodev ro"));
    // The queues of an IPC namespace that is another's can't be mounted.
    EXPECT_THAT(mounts, Not(testing::Contains(HasSubstr("mqueue"))));
    plan.ipc_namespace.clear();
    EXPECT_THAT(mounts_of(config_of(plan)), testing::Contains(HasSubstr("mqueue")));
}

TEST(OciBundle, WithoutAUserNamespaceThereAreNoIds) {
    const std::string config = config_of(plain());
    EXPECT_EQ(at(config, "/linux/uidMappings"), "nothing");
    EXPECT_THAT(at(config, "/linux/namespaces"), Not(HasSubstr("user")));
    EXPECT_THAT(at(config, "/linux/maskedPaths"), Not(HasSubstr("/sys/fs/cgroup")));
}

TEST(OciBundle, WhatAUserNamespaceCannotHaveIsRefused) {
    LaunchPlan plan = in_user_namespace();
    plan.user = User{"far", 65'536, 0, {}};
    EXPECT_THAT(make_config(plan, "/x").error().text, HasSubstr("the user 'far' (65536:0)"));
    plan.user = User{"near", 65'535, 65'535, {}};
    EXPECT_TRUE(make_config(plan, "/x"));
    plan.pid_namespace = "/proc/1/ns/pid";
    EXPECT_THAT(make_config(plan, "/x").error().text, HasSubstr("can't share one"));
    plan.pid_namespace.clear();
    plan.flags = 0;
    EXPECT_THAT(make_config(plan, "/x").error().text, HasSubstr("namespaces/pid"));
}

TEST(OciBundle, OwnersOutsideAreTheIdsOfTheNamespace) {
    LaunchPlan plan = in_user_namespace();
    EXPECT_EQ(owner_outside(plan).uid, 700'000u);
    plan.user = User{"app", 1000, 1001, {}};
    EXPECT_EQ(owner_outside(plan).uid, 701'000u);
    EXPECT_EQ(owner_outside(plan).gid, 801'001u);
    plan.user_namespace.reset();
    EXPECT_EQ(owner_outside(plan).uid, 1000u);
}

}  // namespace
}  // namespace tepui::containerizer::oci
