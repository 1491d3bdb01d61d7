#include "master/snapshot/v1_writer.h"

#include <bit>

namespace tepui::master {
namespace {

void append_varint(std::string& out, std::uint64_t value) {
    while (value >= 0x80) {
        out += static_cast<char>((value & 0x7f) | 0x80);
        value >>= 7;
    }
    out += static_cast<char>(value);
}

constexpr std::uint64_t varint_type = 0;
constexpr std::uint64_t fixed64_type = 1;
constexpr std::uint64_t bytes_type = 2;

void append_tag(std::string& out, int number, std::uint64_t wire_type) {
    append_varint(out, (static_cast<std::uint64_t>(number) << 3) | wire_type);
}

}  // namespace

V1Writer::V1Writer(wire::Media media, mesos::v1::master::Response::Type type)
    : V1Writer(media, mesos::v1::master::Response::Type_Name(type),
               mesos::v1::master::Response::kTypeFieldNumber, type) {}

V1Writer::V1Writer(wire::Media media, std::string_view type_name, int type_number, int type_value)
    : media_(media) {
    if (media_ == wire::Media::json) {
        json_.begin_object().key("type").value(type_name);
        return;
    }
    open_.emplace_back();
    append_tag(open_.back(), type_number, varint_type);
    append_varint(open_.back(), static_cast<std::uint64_t>(type_value));
}

void V1Writer::begin_message(std::string_view name, int number) {
    if (media_ == wire::Media::json) {
        json_.key(name).begin_object();
        return;
    }
    open_.emplace_back();
    numbers_.push_back(number);
}

void V1Writer::end_message() {
    if (media_ == wire::Media::json) {
        json_.end_object();
        return;
    }
    const std::string done = std::move(open_.back());
    const int number = numbers_.back();
    open_.pop_back();
    numbers_.pop_back();
    append_field(number, done);
}

void V1Writer::begin_list(std::string_view name, int number) {
    list_number_ = number;
    if (media_ == wire::Media::json) json_.key(name).begin_array();
}

void V1Writer::add(const Item& item) {
    if (media_ == wire::Media::json) {
        json_.raw(item.v1_json());
    } else {
        append_field(list_number_, item.v1_bytes());
    }
}

void V1Writer::add(const google::protobuf::Message& message) {
    if (media_ == wire::Media::json) {
        json_.message(message);
    } else {
        append_field(list_number_, message.SerializePartialAsString());
    }
}

void V1Writer::end_list() {
    if (media_ == wire::Media::json) json_.end_array();
}

void V1Writer::add_double(std::string_view name, int number, double value) {
    if (media_ == wire::Media::json) {
        json_.key(name).value(value);
        return;
    }
    append_tag(open_.back(), number, fixed64_type);
    const auto bits = std::bit_cast<std::uint64_t>(value);
    for (int shift = 0; shift < 64; shift += 8)  // Little endian, as protobuf has it.
        open_.back() += static_cast<char>((bits >> shift) & 0xff);
}

std::string V1Writer::finish() {
    if (media_ == wire::Media::json) {
        json_.end_object();
        return std::move(text_);
    }
    return std::move(open_.front());
}

void V1Writer::append_field(int number, std::string_view bytes) {
    append_tag(open_.back(), number, bytes_type);
    append_varint(open_.back(), bytes.size());
    open_.back().append(bytes);
}

}  // namespace tepui::master
