#include <gtest/gtest.h>

#include "containerizer/isolators/cgroups_net_cls/handles.h"

namespace tepui::containerizer {
namespace {

TEST(NetClsHandlesTest, EachIsGivenOnce) {
    NetClsHandles handles(0x0012, {0x10, 0x12});
    EXPECT_EQ(handles.take(), 0x00120010u);
    EXPECT_EQ(handles.take(), 0x00120011u);
    EXPECT_EQ(handles.take(), 0x00120012u);
    const auto none = handles.take();
    ASSERT_FALSE(none);
    EXPECT_EQ(none.error().code, Errc::unavailable);
    handles.give_back(0x00120011);
    EXPECT_EQ(handles.take(), 0x00120011u);
}

TEST(NetClsHandlesTest, ThoseOfLivingContainersAreNotGivenAgain) {
    NetClsHandles handles(1, {1, 3});
    EXPECT_TRUE(handles.take(0x00010002));
    EXPECT_FALSE(handles.take(0x00010002)) << "two containers with one handle";
    EXPECT_FALSE(handles.take(0x00020001)) << "of another primary number";
    EXPECT_EQ(handles.take(), 0x00010001u);
    EXPECT_EQ(handles.take(), 0x00010003u);
}

}  // namespace
}  // namespace tepui::containerizer
