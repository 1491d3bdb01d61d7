#include "master/core/resource_shapes.h"

#include <gtest/gtest.h>

namespace tepui::master {
namespace {

Resources of(const char* text) { return *Resources::parse_flag(text); }

TEST(ResourceShapes, EqualOnesShareAnObject) {
    ResourceShapes shapes;
    const auto small = shapes.share(of("cpus:1"));
    const auto large = shapes.share(of("cpus:8;mem:64"));
    EXPECT_EQ(shapes.share(of("cpus:1")), small);
    EXPECT_EQ(shapes.share(of("cpus:8;mem:64")), large);
    EXPECT_EQ(*small, of("cpus:1"));
    EXPECT_EQ(*large, of("cpus:8;mem:64"));
    EXPECT_NE(shapes.share(of("cpus:1").allocated_to("r")), small);
}

TEST(ResourceShapes, TheOneThatWasNotUsedTheLongestIsForgotten) {
    ResourceShapes shapes;
    const auto often = shapes.share(of("cpus:1"));
    const auto once = shapes.share(of("cpus:2"));
    for (const char* other : {"cpus:3", "cpus:4", "cpus:5", "cpus:6"}) {
        EXPECT_EQ(*shapes.share(of(other)), of(other));
        EXPECT_EQ(shapes.share(of("cpus:1")), often);
    }
    const auto again = shapes.share(of("cpus:2"));
    EXPECT_NE(again, once);
    EXPECT_EQ(*again, *once);
}

}  // namespace
}  // namespace tepui::master
