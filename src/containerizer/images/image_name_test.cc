#include "containerizer/images/image_name.h"

#include <gtest/gtest.h>
#include <rapidcheck/gtest.h>

namespace tepui::containerizer::images {
namespace {

const std::string k_digest = "sha256:" + std::string(64, 'a');

TEST(ImageName, IsReadAsDockerReadsIt) {
    struct Row {
        const char* text;
        std::string canonical;  // Empty: refused.
    };
    const Row rows[] = {
        {"busybox", "docker.io/library/busybox:latest"},
        {"busybox:1.36", "docker.io/library/busybox:1.36"},
        {"docker.io/busybox", "docker.io/library/busybox:latest"},
        {"index.docker.io/library/busybox", "docker.io/library/busybox:latest"},
        {"me/app", "docker.io/me/app:latest"},
        {"localhost/app", "localhost/app:latest"},
        {"localhost:5000/a/b/c:v1", "localhost:5000/a/b/c:v1"},
        {"Registry.Example.COM/x:Y", "registry.example.com/x:Y"},
        {"[::1]:5000/x", "[::1]:5000/x:latest"},
        {"10.0.0.1:5000/x.y_z__a--b", "10.0.0.1:5000/x.y_z__a--b:latest"},
        {"", ""},
        {"/", ""},
        {"a/", ""},
        {"/a", ""},
        {"a//b", ""},
        {"UPPER", ""},
        {"a:", ""},
        {"a:b:c", ""},
        {"a:-b", ""},
        {"a@sha256:12", ""},
        {"a@md5:11111111111111111111111111111111", ""},
        {"a..b", ""},
        {"a___b", ""},
        {"a.", ""},
        {"../../etc/passwd", ""},
        {"x.y/../z", ""},
        {"host:99999/a", ""},
        {"host:/a", ""},
        {"a b", ""},
        {"http://host/a", ""},
        {"[::1/a", ""},
        {"[]:1/a", ""},
    };
    for (const Row& row : rows) {
        SCOPED_TRACE(row.text);
        const auto name = parse_image_name(row.text, {});
        EXPECT_EQ(name ? canonical(*name) : "", row.canonical);
        if (!name) EXPECT_EQ(name.error().code, Errc::invalid_argument);
    }
}

TEST(ImageName, IsAsLongAsItsWholeRepositoryMayBe) {
    const std::string longest(255 - std::string("library/").size(), 'a');
    EXPECT_TRUE(parse_image_name(longest, {}));
    EXPECT_FALSE(parse_image_name(longest + "a", {})) << "with what the hub puts before it";
    EXPECT_TRUE(parse_image_name("h:1/" + longest + "a", {}));
}

TEST(ImageName, WithADigestIsKnownByIt) {
    const auto both = parse_image_name("h:1/a:v1@" + k_digest, {});
    ASSERT_TRUE(both);
    EXPECT_EQ(*both, (ImageName{"h:1", "a", "v1", k_digest}));
    EXPECT_EQ(canonical(*both), "h:1/a@" + k_digest);
    EXPECT_EQ(parse_image_name("h:1/a@" + k_digest, {})->tag, "");
}

TEST(ImageName, WithoutARegistryIsOfTheDefaultOne) {
    const auto own = parse_registry("http://Reg.local:5000/");
    ASSERT_TRUE(own);
    EXPECT_EQ(*own, (DefaultRegistry{"reg.local:5000", "", "http"}));
    EXPECT_EQ(canonical(*parse_image_name("app", *own)), "reg.local:5000/app:latest");
    EXPECT_EQ(canonical(*parse_image_name("docker.io/app", *own)), "docker.io/library/app:latest");
    const auto hub = parse_registry("https://registry-1.docker.io");
    ASSERT_TRUE(hub);
    EXPECT_EQ(canonical(*parse_image_name("app", *hub)), "docker.io/library/app:latest");
    const auto directory = parse_registry("file:///srv/images/");
    ASSERT_TRUE(directory);
    EXPECT_EQ(directory->directory, "/srv/images");
    EXPECT_EQ(*parse_image_name("a/b:1", *directory), (ImageName{"", "a/b", "1", ""}));
    for (const char* bad :
         {"", "hdfs://x/y", "ftp://h", "relative/path", "https://a/b", "https://"})
        EXPECT_FALSE(parse_registry(bad)) << bad;
}

RC_GTEST_PROP(ImageNameProperty, AnyTextIsRefusedOrReadsBackTheSame, (std::string text)) {
    const auto name = parse_image_name(text, {});
    if (!name) return;
    const auto again = parse_image_name(canonical(*name), {});
    RC_ASSERT(again.has_value());
    RC_ASSERT(canonical(*again) == canonical(*name));
}

RC_GTEST_PROP(ImageNameProperty, NamesNearGoodOnesNeverLeadOut, ()) {
    const auto letters = rc::gen::elementOf(std::string("ab.:/@-_[]0L"));
    const auto text = *rc::gen::container<std::string>(letters);
    DefaultRegistry directory{"", "/srv", ""};
    for (const DefaultRegistry& defaults : {DefaultRegistry{}, directory}) {
        const auto name = parse_image_name(text, defaults);
        if (!name) continue;
        RC_ASSERT(name->repository.find("..") == std::string::npos);
        RC_ASSERT(!name->repository.starts_with('/'));
        RC_ASSERT(canonical(*parse_image_name(canonical(*name), defaults)) == canonical(*name));
    }
}

}  // namespace
}  // namespace tepui::containerizer::images
