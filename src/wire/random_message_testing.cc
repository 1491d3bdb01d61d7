#include "wire/random_message_testing.h"

#include <google/protobuf/descriptor.h>

#include <array>
#include <limits>
#include <string>

namespace tepui::wire {
namespace {

using google::protobuf::FieldDescriptor;
using google::protobuf::Message;
using google::protobuf::Reflection;

class Filler {
public:
    explicit Filler(Prng& prng) : prng_(prng) {}

    void fill(Message& message, int depth_left) {
        const auto& descriptor = *message.GetDescriptor();
        for (int i = 0; i < descriptor.field_count(); ++i) {
            const FieldDescriptor& field = *descriptor.field(i);
            const bool is_message = field.cpp_type() == FieldDescriptor::CPPTYPE_MESSAGE;
            if (field.is_required()) {
                put(message, field, depth_left);
            } else if (prng_.below(2) == 0 && !(is_message && depth_left <= 0)) {
                const std::uint64_t count = field.is_repeated() ? 1 + prng_.below(3) : 1;
                for (std::uint64_t n = 0; n < count; ++n) put(message, field, depth_left);
            }
        }
    }

private:
    void put(Message& message, const FieldDescriptor& field, int depth_left) {
        const Reflection& reflection = *message.GetReflection();
        const bool add = field.is_repeated();
        switch (field.cpp_type()) {
#define TEPUI_CASE(NAME, Suffix, value)                                \
    case FieldDescriptor::CPPTYPE_##NAME:                              \
        return add ? reflection.Add##Suffix(&message, &field, (value)) \
                   : reflection.Set##Suffix(&message, &field, (value));
            TEPUI_CASE(INT32, Int32, integer<std::int32_t>())
            TEPUI_CASE(INT64, Int64, integer<std::int64_t>())
            TEPUI_CASE(UINT32, UInt32, integer<std::uint32_t>())
            TEPUI_CASE(UINT64, UInt64, integer<std::uint64_t>())
            TEPUI_CASE(DOUBLE, Double, number())
            TEPUI_CASE(FLOAT, Float, static_cast<float>(number()))
            TEPUI_CASE(BOOL, Bool, prng_.below(2) == 0)
            TEPUI_CASE(STRING, String,
                       field.type() == FieldDescriptor::TYPE_BYTES ? bytes() : text())
            TEPUI_CASE(ENUM, Enum,
                       field.enum_type()->value(static_cast<int>(prng_.below(
                           static_cast<std::uint64_t>(field.enum_type()->value_count())))))
#undef TEPUI_CASE
            case FieldDescriptor::CPPTYPE_MESSAGE:
                return put_message(add ? *reflection.AddMessage(&message, &field)
                                       : *reflection.MutableMessage(&message, &field),
                                   field, depth_left);
        }
    }

    /// A map entry always has both halves, and keys differ: equal ones would melt into one.
    void put_message(Message& child, const FieldDescriptor& field, int depth_left) {
        if (!field.is_map()) return fill(child, depth_left - 1);
        const auto& entry = *child.GetDescriptor();  // All of Mesos' maps have text as keys.
        child.GetReflection()->SetString(&child, entry.map_key(), text() + std::to_string(keys_++));
        put(child, *entry.map_value(), depth_left);
    }

    template <typename Integer>
    Integer integer() {
        switch (prng_.below(4)) {
            case 0: return std::numeric_limits<Integer>::min();
            case 1: return std::numeric_limits<Integer>::max();
            case 2: return static_cast<Integer>(prng_.below(100));
            default: return static_cast<Integer>(prng_.next());
        }
    }

    double number() {
        constexpr std::array special{0.0,
                                     -0.0,
                                     0.1,
                                     -15.0,
                                     1e15,
                                     1e21,
                                     1e-7,
                                     5e-324,
                                     std::numeric_limits<double>::max(),
                                     std::numeric_limits<double>::infinity(),
                                     -std::numeric_limits<double>::infinity()};
        if (prng_.below(2) == 0) return special[prng_.below(special.size())];
        return (prng_.unit() - 0.5) * static_cast<double>(1ull << prng_.below(64));
    }

    std::string text() {
        constexpr std::array<std::string_view, 10> pieces{
            "a",  "cpus", "\"",       "\\",           "/",
            "\n", "\x01", "\xc3\xa9", "\xe6\x97\xa5", "\xf0\x9f\x98\x80"};
        std::string text;
        for (auto n = prng_.below(12); n > 0; --n) text += pieces[prng_.below(pieces.size())];
        return text;
    }

    std::string bytes() {
        std::string bytes;
        for (auto n = prng_.below(20); n > 0; --n) bytes += static_cast<char>(prng_.below(256));
        return bytes;
    }

    Prng& prng_;
    int keys_ = 0;
};

}  // namespace

void fill_randomly(Message& message, Prng& prng, int depth_max) {
    Filler(prng).fill(message, depth_max);
}

}  // namespace tepui::wire
