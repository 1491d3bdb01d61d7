#include "wire/media.h"

#include <gtest/gtest.h>

#include <limits>

namespace tepui::wire {
namespace {

TEST(Media, ReadsContentTypes) {
    struct Row {
        const char* text;
        std::optional<Media> want;
    };
    const Row rows[] = {
        {"application/json", Media::json},
        {"application/json; charset=utf-8", Media::json},
        {"application/json;charset=utf-8", Media::json},
        {" Application/JSON ", Media::json},
        {"application/x-protobuf", Media::protobuf},
        {"application/x-protobuf; x=y", Media::protobuf},
        {"application/recordio", std::nullopt},
        {"application/jsonx", std::nullopt},
        {"text/plain", std::nullopt},
        {"", std::nullopt},
        {";", std::nullopt},
    };
    for (const Row& row : rows) EXPECT_EQ(parse_content_type(row.text), row.want) << row.text;
}

TEST(Media, NegotiatesFromAccept) {
    struct Row {
        std::optional<std::string_view> accept;
        std::optional<Media> want;
    };
    const Row rows[] = {
        {std::nullopt, Media::json},
        {"", Media::json},
        {"  ", Media::json},
        {"*/*", Media::json},
        {"application/*", Media::json},
        {"application/json", Media::json},
        {"APPLICATION/JSON", Media::json},
        {"application/x-protobuf", Media::protobuf},
        {"application/x-protobuf, application/json", Media::json},
        {"application/x-protobuf;q=1.0, application/json;q=0.1", Media::json},
        {"application/json;q=0, application/x-protobuf", Media::protobuf},
        {"application/json;q=0.0, */*", Media::protobuf},
        {"*/*, application/json; q=0", Media::protobuf},
        {"*/*;q=0, application/x-protobuf", Media::protobuf},
        {"application/*;q=0, */*", std::nullopt},
        {"*/*;q=0", std::nullopt},
        {"application/json;q=0", std::nullopt},
        {"application/json;q=0.5", Media::json},
        {"application/json;level=1;Q=0.001", Media::json},
        {"text/html", std::nullopt},
        {"text/html, */*;q=0.1", Media::json},
        {",,text/html,", std::nullopt},
        {"application/recordio", std::nullopt},
    };
    for (const Row& row : rows)
        EXPECT_EQ(negotiate(row.accept), row.want) << row.accept.value_or("absent");
}

TEST(Media, DecodesWhatItEncodes) {
    mesos::v1::Offer offer;
    offer.mutable_id()->set_value("o");
    offer.mutable_framework_id()->set_value("f");
    offer.mutable_agent_id()->set_value("a");
    offer.set_hostname("h");
    for (const Media media : {Media::json, Media::protobuf}) {
        SCOPED_TRACE(to_string(media));
        EXPECT_EQ(parse_content_type(to_string(media)), media);
        mesos::v1::Offer back;
        back.add_executor_ids()->set_value("is cleared");
        ASSERT_TRUE(decode(media, encode(media, offer), back));
        EXPECT_EQ(back.SerializeAsString(), offer.SerializeAsString());
    }
}

TEST(Media, NamesWhatIsMissing) {
    mesos::v1::Offer offer;
    offer.mutable_id()->set_value("o");
    offer.mutable_framework_id();
    for (const Media media : {Media::json, Media::protobuf}) {
        mesos::v1::Offer back;
        const auto decoded = decode(media, encode(media, offer), back);
        ASSERT_FALSE(decoded);
        EXPECT_EQ(decoded.error(),
                  (Error{Errc::invalid_argument,
                         "missing required fields agent_id, hostname, framework_id.value"}));
    }
}

TEST(Media, RefusesBadBytes) {
    mesos::v1::Offer offer;
    const auto decoded = decode(Media::protobuf, "\xff\xff", offer);
    ASSERT_FALSE(decoded);
    EXPECT_EQ(decoded.error(), (Error{Errc::invalid_argument, "not a protobuf mesos.v1.Offer"}));
}

}  // namespace
}  // namespace tepui::wire
