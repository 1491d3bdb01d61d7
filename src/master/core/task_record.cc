#include "master/core/task_record.h"

#include <google/protobuf/io/coded_stream.h>
#include <google/protobuf/wire_format_lite.h>

#include <cstring>

#include "base/assert.h"

namespace tepui::master {

namespace {

using google::protobuf::internal::WireFormatLite;
using google::protobuf::io::CodedInputStream;

/// The text of the field `number`, a message whose only field is that text.
std::string_view id_in(std::string_view bytes, int number) {
    CodedInputStream in(reinterpret_cast<const std::uint8_t*>(bytes.data()),
                        static_cast<int>(bytes.size()));
    while (const std::uint32_t tag = in.ReadTag()) {
        if (WireFormatLite::GetTagFieldNumber(tag) != number) {
            if (!WireFormatLite::SkipField(&in, tag)) break;
            continue;
        }
        std::uint32_t size = 0;
        if (!in.ReadVarint32(&size) || size == 0) break;
        if (in.ReadTag() == 0 || !in.ReadVarint32(&size)) break;
        return bytes.substr(static_cast<std::size_t>(in.CurrentPosition()), size);
    }
    return {};
}

std::string_view id_in(const mesos::v1::Task& task, int number) {
    switch (number) {
        case mesos::v1::Task::kTaskIdFieldNumber: return task.task_id().value();
        case mesos::v1::Task::kFrameworkIdFieldNumber: return task.framework_id().value();
        case mesos::v1::Task::kExecutorIdFieldNumber: return task.executor_id().value();
        default: return task.agent_id().value();
    }
}

}  // namespace

struct TaskRecord::Head {
    double first_timestamp = 0;
    std::uint32_t size = 0;  // Of the bytes.
    std::uint16_t state = 0;
    bool has_executor_id = false;
    bool has_statuses = false;
};

TaskRecord TaskRecord::packed(const mesos::v1::Task& task) {
    const std::size_t size = task.ByteSizeLong();
    const Head head{
        .first_timestamp = task.statuses().empty() ? 0 : task.statuses(0).timestamp(),
        .size = static_cast<std::uint32_t>(size),
        .state = static_cast<std::uint16_t>(task.state()),
        .has_executor_id = task.has_executor_id(),
        .has_statuses = !task.statuses().empty(),
    };
    auto place = std::make_shared_for_overwrite<std::uint8_t[]>(sizeof(Head) + size);
    std::memcpy(place.get(), &head, sizeof(Head));
    task.SerializeWithCachedSizesToArray(place.get() + sizeof(Head));
    TaskRecord record;
    record.held_ = std::move(place);
    record.is_packed_ = true;
    return record;
}

TaskRecord::Head TaskRecord::head() const {
    Head head;
    std::memcpy(&head, held_.get(), sizeof(Head));
    return head;
}

std::string_view TaskRecord::bytes() const {
    if (!is_packed_) return {};
    return {static_cast<const char*>(held_.get()) + sizeof(Head), head().size};
}

std::shared_ptr<const mesos::v1::Task> TaskRecord::message() const {
    if (!is_packed_) return std::static_pointer_cast<const mesos::v1::Task>(held_);
    auto task = std::make_shared<mesos::v1::Task>();
    const std::string_view text = bytes();
    const bool read = task->ParsePartialFromArray(text.data(), static_cast<int>(text.size()));
    TEPUI_ASSERT_WHY(read, "what was written here can be read");
    return task;
}

mesos::v1::TaskState TaskRecord::state() const {
    return is_packed_ ? static_cast<mesos::v1::TaskState>(head().state) : held_message().state();
}

bool TaskRecord::has_executor_id() const {
    return is_packed_ ? head().has_executor_id : held_message().has_executor_id();
}

bool TaskRecord::has_statuses() const {
    return is_packed_ ? head().has_statuses : !held_message().statuses().empty();
}

double TaskRecord::first_timestamp() const {
    if (is_packed_) return head().first_timestamp;
    const mesos::v1::Task& task = held_message();
    return task.statuses().empty() ? 0 : task.statuses(0).timestamp();
}

std::string_view TaskRecord::id(int number) const {
    return is_packed_ ? id_in(bytes(), number) : id_in(held_message(), number);
}

void TaskRecord::pack() {
    if (!is_packed_ && held_) *this = packed(held_message());
}

mesos::v1::Task& TaskRecord::edit() {
    auto task = message();
    held_ = nullptr;  // What is not shared with others is not copied.
    is_packed_ = false;
    mesos::v1::Task& edited = tepui::edit(task);
    held_ = std::move(task);
    return edited;
}

}  // namespace tepui::master
