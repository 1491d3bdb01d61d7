#include <gtest/gtest.h>

#include "agent/core/core_testing.h"
#include "resources/redaction.h"

namespace tepui::agent {
namespace {

using testing::World;

constexpr const char* k_secret = "hunter2-never-stored";

mesos::v1::Secret by_value() {
    mesos::v1::Secret secret;
    secret.set_type(mesos::v1::Secret::VALUE);
    secret.mutable_value()->set_data(k_secret);
    return secret;
}

void add_variable(mesos::v1::CommandInfo& command) {
    auto& variable = *command.mutable_environment()->add_variables();
    variable.set_name("PASSWORD");
    variable.set_type(mesos::v1::Environment::Variable::SECRET);
    *variable.mutable_secret() = by_value();
}

mesos::v1::TaskInfo task_with_secrets() {
    mesos::v1::TaskInfo task = testing::task_info("t");
    add_variable(*task.mutable_command());
    add_variable(*task.mutable_health_check()->mutable_command());
    add_variable(*task.mutable_check()->mutable_command()->mutable_command());
    auto& container = *task.mutable_container();
    container.set_type(mesos::v1::ContainerInfo::MESOS);
    auto& volume = *container.add_volumes();
    volume.set_mode(mesos::v1::Volume::RO);
    volume.set_container_path("password");
    volume.mutable_source()->set_type(mesos::v1::Volume::Source::SECRET);
    *volume.mutable_source()->mutable_secret() = by_value();
    auto& image = *container.mutable_mesos()->mutable_image();
    image.set_type(mesos::v1::Image::DOCKER);
    image.mutable_docker()->set_name("busybox");
    *image.mutable_docker()->mutable_config() = by_value();
    return task;
}

bool holds_secret(const std::string& bytes) { return bytes.find(k_secret) != std::string::npos; }

TEST(Redaction, TakesEveryValueAndNoReference) {
    mesos::v1::TaskInfo task = task_with_secrets();
    auto& reference = *task.mutable_command()->mutable_environment()->add_variables();
    reference.set_name("R");
    reference.mutable_secret()->mutable_reference()->set_name("db");
    auto& executor = *task.mutable_executor();
    executor.mutable_executor_id()->set_value("e");
    add_variable(*executor.mutable_command());
    *executor.mutable_container() = task.container();
    auto& csi = *executor.mutable_container()->add_volumes();
    csi.set_mode(mesos::v1::Volume::RO);
    csi.mutable_source()->mutable_csi_volume()->set_plugin_name("p");
    (*csi.mutable_source()
          ->mutable_csi_volume()
          ->mutable_static_provisioning()
          ->mutable_node_stage_secrets())["s"] = by_value();
    ASSERT_TRUE(holds_secret(task.SerializePartialAsString()));
    EXPECT_TRUE(redact_secrets(task));
    EXPECT_FALSE(holds_secret(task.SerializePartialAsString())) << task.ShortDebugString();
    EXPECT_EQ(task.command().environment().variables(1).secret().reference().name(), "db");
    EXPECT_EQ(task.command().environment().variables(0).secret().type(), mesos::v1::Secret::VALUE);
    EXPECT_FALSE(redact_secrets(task)) << "nothing is left to take";
}

TEST(Secrets, AreLaunchedAndNeitherStoredNorShown) {
    World world;
    world.start();
    world.store_answers = false;
    world.run(testing::framework_info("f1"), task_with_secrets());
    for (const auto& [key, value] : world.disk) EXPECT_FALSE(holds_secret(value)) << key;
    world.store_answers = true;
    world.write_all();
    ASSERT_EQ(world.launches(), 1);
    EXPECT_TRUE(holds_secret(world.containers.begin()->second.task.SerializeAsString()));
    for (const auto& [key, value] : world.disk) EXPECT_FALSE(holds_secret(value)) << key;
    for (const auto& [id, framework] : world.core->state().frameworks) {
        for (const auto& [task_id, task] : framework.tasks) {
            EXPECT_FALSE(holds_secret(task.info.SerializeAsString()));
            EXPECT_EQ(task.whole, nullptr) << "not even in memory, once launched";
        }
    }
    for (const link::ToMaster& frame : world.sent) {
        EXPECT_FALSE(holds_secret(frame.SerializePartialAsString()));
    }
    world.crash();
    world.start();
    EXPECT_EQ(world.states("t").back(), mesos::v1::TASK_RUNNING);
    EXPECT_EQ(world.launches(), 1) << "it lives on without its secrets being known";
}

}  // namespace
}  // namespace tepui::agent
