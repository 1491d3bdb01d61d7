#pragma once

#include <atomic>
#include <memory>
#include <optional>
#include <string>
#include <string_view>
#include <vector>

#include "base/ids.h"
#include "base/time.h"
#include "master/core/state.h"
#include "mesos/v1/master/master.pb.h"

// What a snapshot is made of: immutable values, taken from the core's state on the loop, and
// rendered on the readers' threads at most once each.
namespace tepui::master {

/// Text that is made when it is first asked for. Any thread; of two that ask at once each makes it,
/// and one is kept. Takes a pointer until then: most items are never shown in most forms.
class LazyText {
public:
    LazyText() = default;
    LazyText(const LazyText&) = delete;
    LazyText& operator=(const LazyText&) = delete;
    ~LazyText() { delete text_.load(std::memory_order_acquire); }

    template <typename Render>
    const std::string& get(const Render& render) const {
        if (const auto* text = text_.load(std::memory_order_acquire)) return *text;
        auto made = std::make_unique<const std::string>(render());
        const std::string* first = nullptr;
        if (text_.compare_exchange_strong(first, made.get(), std::memory_order_acq_rel)) {
            return *made.release();
        }
        return *first;
    }

private:
    mutable std::atomic<const std::string*> text_{nullptr};
};

/// Something that appears in lists of both APIs, with its renderings.
class Item {
public:
    virtual ~Item() = default;

    /// As the endpoints from before v1 show it.
    const std::string& legacy_json() const;
    const std::string& v1_json() const;
    /// The v1 message in protobuf.
    std::string_view v1_bytes() const;

protected:
    virtual void render_legacy(std::string& out) const = 0;
    virtual std::shared_ptr<const google::protobuf::Message> v1_message() const = 0;
    /// v1_bytes(), where they are kept anyway; else empty.
    virtual std::string_view kept_bytes() const { return {}; }

private:
    LazyText legacy_json_;
    LazyText v1_json_;
    LazyText v1_bytes_;
};

class TaskItem final : public Item {
public:
    explicit TaskItem(TaskRecord task) : info(std::move(task)) {}

    const TaskRecord info;

    /// When the task's first status came; what /tasks sorts by.
    double first_timestamp() const { return info.first_timestamp(); }

protected:
    void render_legacy(std::string& out) const override;
    std::shared_ptr<const google::protobuf::Message> v1_message() const override {
        return info.message();
    }
    std::string_view kept_bytes() const override { return info.bytes(); }
};

class OfferItem final : public Item {
public:
    explicit OfferItem(std::shared_ptr<const mesos::v1::Offer> offer) : info(std::move(offer)) {}

    const std::shared_ptr<const mesos::v1::Offer> info;

protected:
    void render_legacy(std::string& out) const override;
    std::shared_ptr<const google::protobuf::Message> v1_message() const override { return info; }
};

class ExecutorItem final : public Item {
public:
    ExecutorItem(FrameworkId framework_id, AgentId agent_id,
                 std::shared_ptr<const mesos::v1::ExecutorInfo> executor)
        : framework(std::move(framework_id)),
          agent(std::move(agent_id)),
          info(std::move(executor)) {}

    const FrameworkId framework;
    const AgentId agent;
    const std::shared_ptr<const mesos::v1::ExecutorInfo> info;

protected:
    void render_legacy(std::string& out) const override;
    std::shared_ptr<const google::protobuf::Message> v1_message() const override;
};

class AgentItem final : public Item {
public:
    /// `drain_info`: null when no operator drains it.
    explicit AgentItem(const Agent& agent, const mesos::v1::DrainInfo* drain_info = nullptr);

    AgentId id;
    std::shared_ptr<const mesos::v1::AgentInfo> info;
    std::string version;
    std::vector<std::string> capabilities;
    std::string pid;  // "slave(1)@ip:port", as tools expect it.
    bool connected = false;
    bool active = false;
    bool deactivated = false;  // By an operator.
    std::optional<mesos::v1::DrainInfo> drain;
    std::optional<WallTime> drain_told_at;
    WallTime registered_at;
    std::optional<WallTime> reregistered_at;
    Resources total;
    std::map<FrameworkId, Resources> offered;
    std::map<FrameworkId, Resources> used;
    std::vector<std::shared_ptr<const ExecutorItem>> executors;
    std::vector<std::shared_ptr<const mesos::v1::Operation>> operations;

    Resources used_sum() const;
    Resources offered_sum() const;
    /// The fields that /state, /slaves and /state-summary begin an agent with: JSON without the
    /// closing brace, so that more can be appended.
    const std::string& legacy_head() const;

protected:
    void render_legacy(std::string& out) const override;
    std::shared_ptr<const google::protobuf::Message> v1_message() const override;

private:
    LazyText legacy_head_;
};

/// An agent that is in the registry and has not come back yet.
class RecoveredAgentItem final : public Item {
public:
    explicit RecoveredAgentItem(std::shared_ptr<const mesos::v1::AgentInfo> agent)
        : info(std::move(agent)) {}

    const std::shared_ptr<const mesos::v1::AgentInfo> info;

protected:
    void render_legacy(std::string& out) const override;
    std::shared_ptr<const google::protobuf::Message> v1_message() const override { return info; }
};

using TaskItems = std::vector<std::shared_ptr<const TaskItem>>;

/// A framework as it is now, or as it ended. Its renderings need what it holds on all agents, so
/// they are made by the views.
struct FrameworkItem {
    std::shared_ptr<const mesos::v1::FrameworkInfo> info;
    bool active = false;
    bool connected = false;
    bool recovered = false;
    WallTime registered_at;
    std::optional<WallTime> reregistered_at;
    std::optional<WallTime> unregistered_at;
    std::shared_ptr<const mesos::v1::scheduler::OfferConstraints> offer_constraints;  // Never null.
    std::shared_ptr<const TaskItems> completed_tasks;    // Oldest first; never null.
    std::shared_ptr<const TaskItems> unreachable_tasks;  // Of an ended one; else null.

    bool has_capability(mesos::v1::FrameworkInfo::Capability::Type type) const;
};

/// "slave(1)@ip:port"; the hostname stands in for an ip that is not known.
std::string agent_pid(const std::string& ip, const mesos::v1::AgentInfo& info);
mesos::v1::TimeInfo time_info(WallTime time);

}  // namespace tepui::master
