#pragma once

#include <fcntl.h>
#include <gtest/gtest.h>
#include <sched.h>
#include <sys/stat.h>
#include <unistd.h>

#include <filesystem>
#include <fstream>
#include <functional>
#include <iterator>
#include <string>
#include <thread>

#include "base/temporary_directory_testing.h"
#include "containerizer/cgroups/group.h"
#include "containerizer/descriptor.h"
#include "containerizer/isolators/network_cni/network_cni.h"

namespace tepui::containerizer {

/// What the isolator is tested with: a folder of configurations, one of plugins, and containers
/// that are only their runtime directories.
class NetworkCniTest : public ::testing::Test {
protected:
    void SetUp() override {
        ASSERT_EQ(::geteuid(), 0U) << "these tests make network namespaces: run them as root";
        options_.work_dir = base() + "/work";
        options_.networks.config_dir = base() + "/configs";
        options_.networks.plugin_dirs = {base() + "/plugins", "/usr/lib/cni"};
        std::filesystem::create_directories(options_.networks.config_dir);
        std::filesystem::create_directories(base() + "/plugins");
    }

    std::string base() const { return directory_.path(); }

    static void write(const std::string& path, const std::string& text, mode_t mode = 0644) {
        std::ofstream(path) << text;
        ::chmod(path.c_str(), mode);
    }
    static std::string read(const std::string& path) {
        std::ifstream file(path);
        return {std::istreambuf_iterator<char>(file), {}};
    }
    void configure(const std::string& name, const std::string& plugins) {
        write(options_.networks.config_dir + "/" + name + ".conflist",
              R"({"cniVersion":"1.0.0","name":")" + name + R"(","plugins":[)" + plugins + "]}");
    }
    /// A plugin that is a shell script; it finds $LOG, to which it may write.
    void script(const std::string& name, const std::string& body) {
        write(base() + "/plugins/" + name, "#!/bin/sh\nLOG=" + log_path() + "\n" + body, 0755);
    }
    std::string log_path() const { return base() + "/log"; }
    std::string log() const { return read(log_path()); }

    Isolator& isolator() {
        if (!isolator_) {
            isolator_ = make_network_cni({options_, groups_, nullptr, nullptr});
            const Result<void> can = isolator_->prepare_machine();
            EXPECT_TRUE(can) << can.error().text;
        }
        return *isolator_;
    }

    Isolated isolated(const std::string& name, const std::string& parent = "") {
        const std::string runtime_dir = base() + "/" + name;
        std::filesystem::create_directories(runtime_dir);
        return {.container = ContainerId{name},
                .name = name,
                .runtime_dir = runtime_dir,
                .sandbox = base() + "/sandbox",
                .cgroup = "",
                .parent = parent.empty() ? "" : base() + "/" + parent,
                .cancelled = nullptr};
    }

    static LaunchSpec spec(const std::string& name, const std::vector<std::string>& networks) {
        LaunchSpec spec;
        spec.container = ContainerId{name};
        for (const std::string& network : networks) {
            if (!spec.info) spec.info.emplace().set_type(mesos::v1::ContainerInfo::MESOS);
            spec.info->add_network_infos()->set_name(network);
        }
        return spec;
    }

    static LaunchPlan plan() {
        LaunchPlan plan;
        plan.environment = {"MESOS_CONTAINER_IP=192.0.2.1", "LIBPROCESS_IP=192.0.2.1", "A=b"};
        return plan;
    }

    std::vector<std::string> addresses(const std::string& name) {
        mesos::v1::ContainerStatus status;
        isolator().status(isolated(name), status);
        std::vector<std::string> found;
        for (const auto& network : status.network_infos())
            for (const auto& address : network.ip_addresses())
                found.push_back(address.ip_address());
        return found;
    }

    /// On a thread of its own in the namespace at `path`.
    static void inside(const std::string& path, const std::function<void()>& act) {
        std::thread([&] {
            const Descriptor space(::open(path.c_str(), O_RDONLY | O_CLOEXEC));
            ASSERT_TRUE(space) << path;
            ASSERT_EQ(::setns(space.get(), CLONE_NEWNET), 0) << path;
            act();
        }).join();
    }

    Options options_;
    TemporaryDirectory directory_;
    cgroups::Groups groups_{cgroups::find_hierarchies(), "tepui-test-cni", {}};
    std::unique_ptr<Isolator> isolator_;
};

}  // namespace tepui::containerizer
