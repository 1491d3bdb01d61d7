#include "containerizer/cgroups/blkio.h"

#include <charconv>
#include <optional>
#include <sstream>

namespace tepui::containerizer::cgroups {
namespace {

using Blkio = mesos::v1::CgroupInfo::Blkio;
using Cfq = Blkio::CFQ::Statistics;
using Throttling = Blkio::Throttling::Statistics;

struct Number {
    std::uint32_t major = 0;
    std::uint32_t minor = 0;
};

std::optional<std::uint64_t> to_number(std::string_view text) {
    std::uint64_t value = 0;
    const auto [end, error] = std::from_chars(text.data(), text.data() + text.size(), value);
    if (error != std::errc{} || end != text.data() + text.size()) return std::nullopt;
    return value;
}

/// "8:16"
std::optional<Number> to_device(std::string_view text) {
    const std::size_t colon = text.find(':');
    if (colon == std::string_view::npos) return std::nullopt;
    const auto major = to_number(text.substr(0, colon));
    const auto minor = to_number(text.substr(colon + 1));
    if (!major || !minor) return std::nullopt;
    return Number{static_cast<std::uint32_t>(*major), static_cast<std::uint32_t>(*minor)};
}

Blkio::Operation to_operation(std::string_view word) {
    if (word == "Total") return Blkio::TOTAL;
    if (word == "Read") return Blkio::READ;
    if (word == "Write") return Blkio::WRITE;
    if (word == "Sync") return Blkio::SYNC;
    if (word == "Async") return Blkio::ASYNC;
    if (word == "Discard") return Blkio::DISCARD;
    return Blkio::UNKNOWN;
}

/// The entry of `device`, made when there is none yet.
template <typename List>
auto& entry_of(List& list, Number device) {
    for (auto& entry : list)
        if (entry.device().major_number() == device.major &&
            entry.device().minor_number() == device.minor)
            return entry;
    auto& entry = *list.Add();
    entry.mutable_device()->set_major_number(device.major);
    entry.mutable_device()->set_minor_number(device.minor);
    return entry;
}

void add_value(google::protobuf::RepeatedPtrField<Blkio::Value>& values, Blkio::Operation operation,
               std::uint64_t number) {
    Blkio::Value& value = *values.Add();
    value.set_op(operation);
    value.set_value(number);
}

/// Lines of "8:0 Read 12", or of "8:0 12" for what knows no operations; "Total 12" ends it.
template <typename Take>
void each_line(const std::string& text, Take&& take) {
    std::istringstream lines(text);
    for (std::string line; std::getline(lines, line);) {
        std::istringstream words(line);
        std::string device;
        std::string second;
        std::string third;
        words >> device >> second >> third;
        const auto number = to_device(device);
        const auto value = to_number(third.empty() ? second : third);
        if (number && value)
            take(*number, third.empty() ? Blkio::UNKNOWN : to_operation(second), *value);
    }
}

using Field = google::protobuf::RepeatedPtrField<Blkio::Value>* (Cfq::*)();

void read_cfq(const ReadControl& read, const std::string& suffix,
              google::protobuf::RepeatedPtrField<Cfq>& list) {
    each_line(read("blkio.time" + suffix), [&](Number device, auto, std::uint64_t milliseconds) {
        entry_of(list, device).set_time(milliseconds * 1'000'000);
    });
    each_line(read("blkio.sectors" + suffix), [&](Number device, auto, std::uint64_t sectors) {
        entry_of(list, device).set_sectors(sectors);
    });
    const std::pair<const char*, Field> fields[] = {
        {"blkio.io_serviced", &Cfq::mutable_io_serviced},
        {"blkio.io_service_bytes", &Cfq::mutable_io_service_bytes},
        {"blkio.io_service_time", &Cfq::mutable_io_service_time},
        {"blkio.io_wait_time", &Cfq::mutable_io_wait_time},
        {"blkio.io_merged", &Cfq::mutable_io_merged},
        {"blkio.io_queued", &Cfq::mutable_io_queued},
    };
    for (const auto& [file, field] : fields)
        each_line(read(file + suffix), [&](Number device, auto operation, std::uint64_t value) {
            add_value(*(entry_of(list, device).*field)(), operation, value);
        });
}

}  // namespace

void blkio_v1(const ReadControl& read, BlkioStatistics& statistics) {
    read_cfq(read, "", *statistics.mutable_cfq());
    read_cfq(read, "_recursive", *statistics.mutable_cfq_recursive());
    auto& throttling = *statistics.mutable_throttling();
    each_line(read("blkio.throttle.io_serviced"),
              [&](Number device, auto operation, std::uint64_t value) {
                  add_value(*entry_of(throttling, device).mutable_io_serviced(), operation, value);
              });
    each_line(read("blkio.throttle.io_service_bytes"), [&](Number device, auto operation,
                                                           std::uint64_t value) {
        add_value(*entry_of(throttling, device).mutable_io_service_bytes(), operation, value);
    });
}

void io_v2(std::string_view text, BlkioStatistics& statistics) {
    std::istringstream lines{std::string(text)};
    for (std::string line; std::getline(lines, line);) {
        std::istringstream words(line);
        std::string word;
        words >> word;
        const auto device = to_device(word);
        if (!device) continue;
        Throttling& entry = entry_of(*statistics.mutable_throttling(), *device);
        while (words >> word) {
            const std::size_t equals = word.find('=');
            if (equals == std::string::npos) continue;
            const auto value = to_number(std::string_view(word).substr(equals + 1));
            if (!value) continue;
            const std::string_view key = std::string_view(word).substr(0, equals);
            const auto operation = key[0] == 'r'   ? Blkio::READ
                                   : key[0] == 'w' ? Blkio::WRITE
                                                   : Blkio::DISCARD;
            if (key.ends_with("bytes"))
                add_value(*entry.mutable_io_service_bytes(), operation, *value);
            if (key.ends_with("ios")) add_value(*entry.mutable_io_serviced(), operation, *value);
        }
    }
}

}  // namespace tepui::containerizer::cgroups
