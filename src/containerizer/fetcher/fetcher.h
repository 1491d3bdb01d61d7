#pragma once

#include <atomic>
#include <functional>
#include <memory>
#include <mutex>
#include <string>
#include <vector>

#include "base/result.h"
#include "base/time.h"
#include "containerizer/containerizer.h"
#include "containerizer/fetcher/cache.h"
#include "containerizer/fetcher/download.h"
#include "containerizer/fetcher/options.h"
#include "containerizer/fetcher/plan.h"
#include "containerizer/fetcher/target.h"
#include "containerizer/user.h"
#include "mesos/v1/mesos.pb.h"

namespace tepui::containerizer::fetcher {

/// Where things may come from and how much of them.
struct FetchOptions {
    std::string frameworks_home;
    TransferLimits limits;       // bytes_max: of each download, copy and extraction.
    std::string unpack_program;  // tepui-unpack
    FetcherOptions own;          // cache_dir is not empty.
    Variables environment;       // The agent's: AWS_*, HADOOP_HOME, PATH.
    std::string agent_user;      // Who HDFS is told that asks, where the task has no user.
};

/// The URIs of one container.
struct FetchRequest {
    const mesos::v1::CommandInfo& command;
    const Variables& environment;  // Of the task, beneath that of `command`.
    const std::string& container;
    int sandbox_fd = -1;
    const User* user = nullptr;  // nullptr: as this process.
};

/// Brings what tasks name by URI into their sandboxes, with the rights of their users both in
/// reading local files and in writing. One for all containerizers of a process: see make_fetcher().
/// Any thread.
class Fetcher {
public:
    static Result<std::unique_ptr<Fetcher>> make(FetchOptions options);

    /// Fetches every URI of the command, four at a time; they appear in the sandbox, and are
    /// unpacked, in their order and after all of them are there. Blocks; `cancelled` ends it soon.
    /// The error's text is "Failed to fetch all URIs for container '<container>': <which and why>",
    /// without passwords and queries of URIs. What was fetched before it is left.
    Result<void> fetch(const FetchRequest& request, const std::atomic<bool>& cancelled);

    FetchStats stats() const;
    void log_to(std::function<void(const std::string&)> log);

private:
    /// One URI on its way.
    struct Item {
        FetchPlan plan;
        std::string shown;
        std::string temporary;  // Its name in the sandbox, until it is in place; empty: none.
        Descriptor file;
        Cache::Pinned cached;  // In place of `file`.
    };

    explicit Fetcher(FetchOptions options) : options_(std::move(options)) {}

    Result<void> fetch_items(std::vector<Item>& items, const FetchRequest& request,
                             const std::atomic<bool>& cancelled);
    Result<void> acquire_all(std::vector<Item>& items, const FetchRequest& request,
                             const std::atomic<bool>& cancelled);

    // One URI, on a thread (acquire.cc).
    Result<void> acquire(Item& item, const FetchRequest& request,
                         const std::atomic<bool>& cancelled);
    Result<void> acquire_local(Item& item, const FetchRequest& request,
                               const std::atomic<bool>& cancelled);
    Result<void> acquire_cached(Item& item, const FetchRequest& request, const Variables& variables,
                                const std::atomic<bool>& cancelled);
    Result<void> acquire_direct(Item& item, const FetchRequest& request, const Variables& variables,
                                const std::atomic<bool>& cancelled);
    Result<Cache::Filled> fetch_remote(const Item& item, const FetchRequest& request,
                                       const Variables& variables, int fd, const Validators& known,
                                       const Cache::Grow& grow, const std::atomic<bool>& cancelled);
    Result<void> fetch_by_hadoop(const Item& item, const FetchRequest& request,
                                 const std::string& client, int fd,
                                 const std::atomic<bool>& cancelled);

    // Into the sandbox, in order (place.cc).
    static Result<void> make_temporary(Item& item, const FetchRequest& request);
    Result<void> place(Item& item, const FetchRequest& request, const std::atomic<bool>& cancelled);
    Result<void> put(Item& item, const FetchRequest& request, const std::atomic<bool>& cancelled);
    Result<void> unpack(const Item& item, const FetchRequest& request,
                        const std::atomic<bool>& cancelled);

    std::string user_name(const FetchRequest& request) const;
    void log(const std::string& text) const;

    const FetchOptions options_;
    Counters counters_;
    std::unique_ptr<Cache> cache_;
    mutable std::mutex log_mutex_;
    std::function<void(const std::string&)> log_;
};

/// The fetcher of this process for these options: the same one while somebody holds it, as only one
/// may have its cache. For each containerizer (and whoever else fetches for tasks) to call.
Result<std::shared_ptr<Fetcher>> make_fetcher(const Options& options);

/// The variables of a command over those beneath it; secrets that came as values among them.
Variables variables_of(const mesos::v1::CommandInfo& command, const Variables& beneath);

}  // namespace tepui::containerizer::fetcher
