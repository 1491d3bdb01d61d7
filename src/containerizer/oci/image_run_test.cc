#include "containerizer/oci/image_run.h"

#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include "containerizer/oci/runtime.h"

namespace tepui::containerizer::oci {
namespace {

using testing::ElementsAre;
using testing::HasSubstr;
using Words = std::vector<std::string>;

struct Row {
    const char* what;
    bool shell;
    const char* value;
    Words arguments;
    Words entrypoint;
    Words cmd;
    Words runs;  // Empty: an error.
};

class ImageCommand : public testing::TestWithParam<Row> {};

TEST_P(ImageCommand, IsAsMesosTableSays) {
    const Row& row = GetParam();
    mesos::v1::CommandInfo command;
    command.set_shell(row.shell);
    if (*row.value != 0) command.set_value(row.value);
    for (const std::string& argument : row.arguments) command.add_arguments(argument);
    images::ImageConfig image;
    image.entrypoint = row.entrypoint;
    image.cmd = row.cmd;
    const auto argv = image_argv(command, image);
    if (row.runs.empty()) {
        EXPECT_FALSE(argv) << row.what;
        return;
    }
    ASSERT_TRUE(argv) << row.what << ": " << argv.error().text;
    Words expected = row.runs;
    expected.insert(expected.begin(), expected.front());
    EXPECT_EQ(*argv, expected) << row.what;
}

INSTANTIATE_TEST_SUITE_P(
    Table, ImageCommand,
    testing::Values(
        Row{"nothing at all", false, "", {}, {}, {}, {}},
        Row{"cmd", false, "", {}, {}, {"c", "1"}, {"c", "1"}},
        Row{"entrypoint", false, "", {}, {"e", "1"}, {}, {"e", "1"}},
        Row{"both", false, "", {}, {"e", "1"}, {"c", "2"}, {"e", "1", "c", "2"}},
        Row{"arguments alone", false, "", {"a"}, {}, {}, {}},
        Row{"arguments and cmd", false, "", {"a"}, {}, {"c", "1"}, {"c", "a"}},
        Row{"arguments and entrypoint", false, "", {"a"}, {"e", "1"}, {}, {"e", "1", "a"}},
        Row{"arguments and both", false, "", {"a"}, {"e", "1"}, {"c"}, {"e", "1", "a"}},
        Row{"value", false, "v", {}, {"e"}, {"c"}, {"v"}},
        Row{"value and arguments", false, "v", {"v", "a"}, {"e"}, {"c"}, {"v", "a"}},
        Row{"shell", true, "a | b", {}, {"e"}, {"c"}, {"/bin/sh", "-c", "a | b"}},
        Row{"shell without value", true, "", {}, {"e"}, {"c"}, {}}));

TEST(ImageEnvironment, IsAboveTheAgentsAndBelowTheCommands) {
    mesos::v1::CommandInfo command;
    auto* own = command.mutable_environment()->add_variables();
    own->set_name("MODE");
    own->set_value("mine");
    EXPECT_THAT(image_environment({"PATH=/bin", "MODE=mine", "X=1"},
                                  {"PATH=/app", "MODE=theirs", "NEW=", "rubbish", "=x"}, command),
                ElementsAre("PATH=/app", "MODE=mine", "X=1", "NEW="));
}

constexpr const char* k_passwd =
    "root:x:0:0:root:/root:/bin/sh\nbroken\napp:x:1000:1001::/home/app:/bin/sh\n";
constexpr const char* k_group = "root:x:0:\nstaff:x:50:other,app\napp:x:1001:\nextra:x:7:appx\n";

TEST(ImageUser, IsLookedUpInTheImagesOwnFiles) {
    const auto by_name = image_user("app", k_passwd, k_group);
    ASSERT_TRUE(by_name);
    EXPECT_EQ(by_name->uid, 1000u);
    EXPECT_EQ(by_name->gid, 1001u);
    EXPECT_THAT(by_name->groups, ElementsAre(1001, 50));
    const auto by_number = image_user("1000", k_passwd, k_group);
    ASSERT_TRUE(by_number);
    EXPECT_EQ(by_number->gid, 1001u);
    const auto with_group = image_user("app:staff", k_passwd, k_group);
    ASSERT_TRUE(with_group);
    EXPECT_EQ(with_group->gid, 50u);
    EXPECT_THAT(with_group->groups, ElementsAre(50));
    const auto unknown_number = image_user("4242:4243", "", "");
    ASSERT_TRUE(unknown_number);
    EXPECT_EQ(unknown_number->uid, 4242u);
    EXPECT_EQ(unknown_number->gid, 4243u);
}

TEST(ImageUser, WhoIsMissingIsNamed) {
    const auto user = image_user("nobody", k_passwd, k_group);
    ASSERT_FALSE(user);
    EXPECT_THAT(user.error().text, HasSubstr("'nobody'"));
    const auto group = image_user("app:wheel", k_passwd, k_group);
    ASSERT_FALSE(group);
    EXPECT_THAT(group.error().text, HasSubstr("'wheel'"));
    EXPECT_FALSE(image_user("4294967295", k_passwd, k_group));
}

TEST(RuntimeVersion, OldOnesAreWarnedOf) {
    EXPECT_THAT(version_warning("runc version 1.1.5+ds1\ncommit: x"), HasSubstr("CVE-2025-31133"));
    EXPECT_THAT(version_warning("runc version 1.3.2"), HasSubstr("CVE"));
    EXPECT_EQ(version_warning("runc version 1.2.8"), "");
    EXPECT_EQ(version_warning("runc version 1.4.0-rc1"), "");
    EXPECT_EQ(version_warning("crun version 1.8.1"), "");
    EXPECT_EQ(version_warning(""), "");
}

}  // namespace
}  // namespace tepui::containerizer::oci
