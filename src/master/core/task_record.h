#pragma once

#include <cstdint>
#include <memory>
#include <string_view>

#include "base/copy_on_write.h"
#include "mesos/v1/mesos.pb.h"

namespace tepui::master {

/// A version of what is shown of a task. As a message it takes several times the bytes of its
/// protobuf, so a task that lies quiet is kept as these: pack() once nothing happens to it. Copies
/// share the version; readers on other threads may hold them while the owner edits its own.
class TaskRecord {
public:
    TaskRecord() = default;
    // NOLINTNEXTLINE(google-explicit-constructor): a record is a message that may be packed.
    TaskRecord(std::shared_ptr<const mesos::v1::Task> message) : held_(std::move(message)) {}
    /// Packed from the beginning.
    static TaskRecord packed(const mesos::v1::Task& task);

    /// The message; one that is made for the caller when it is packed, which costs a microsecond or
    /// two: ask once.
    std::shared_ptr<const mesos::v1::Task> message() const;
    std::shared_ptr<const mesos::v1::Task> operator->() const { return message(); }
    /// A copy of the message.
    mesos::v1::Task operator*() const { return *message(); }

    // Known without unpacking. The texts live as long as the version does.
    mesos::v1::TaskState state() const;
    bool has_executor_id() const;
    std::string_view task_id() const { return id(mesos::v1::Task::kTaskIdFieldNumber); }
    std::string_view framework_id() const { return id(mesos::v1::Task::kFrameworkIdFieldNumber); }
    std::string_view executor_id() const { return id(mesos::v1::Task::kExecutorIdFieldNumber); }
    std::string_view agent_id() const { return id(mesos::v1::Task::kAgentIdFieldNumber); }
    bool has_statuses() const;
    /// Of the first status; 0 without one.
    double first_timestamp() const;
    /// The protobuf; empty when it is not packed.
    std::string_view bytes() const;

    bool is_packed() const { return is_packed_; }
    void pack();
    /// The message to change: unpacked, and copied when others share it.
    mesos::v1::Task& edit();

    /// Whether they are the same version.
    bool operator==(const TaskRecord&) const = default;

private:
    struct Head;

    const mesos::v1::Task& held_message() const {
        return *static_cast<const mesos::v1::Task*>(held_.get());
    }
    Head head() const;
    std::string_view id(int number) const;

    std::shared_ptr<const void> held_;  // A message, or a Head with the bytes behind it.
    bool is_packed_ = false;
};

}  // namespace tepui::master

namespace tepui {

/// As that of copy_on_write.h.
inline mesos::v1::Task& edit(master::TaskRecord& record) { return record.edit(); }

}  // namespace tepui
