#pragma once

#include <sys/types.h>
#include <time.h>

#include <atomic>
#include <condition_variable>
#include <functional>
#include <list>
#include <map>
#include <memory>
#include <mutex>
#include <optional>
#include <string>

#include "base/result.h"
#include "containerizer/descriptor.h"
#include "containerizer/fetcher/counters.h"
#include "containerizer/fetcher/transfer.h"

namespace tepui::containerizer::fetcher {

/// Files that were fetched, kept for the next who asks for the same. Whoever comes while another
/// fetches it waits for him. The least recently used that nobody uses makes room. It is emptied
/// when an agent starts: an entry is known by what this process remembers of it. Any thread, but
/// none that acts as a task's user.
class Cache {
    struct Record;

public:
    /// An entry in use: it is not evicted while this lives. Not longer than the cache.
    class Use {
    public:
        Use(Cache& cache, std::shared_ptr<Record> record, Descriptor file)
            : cache_(cache), record_(std::move(record)), file_(std::move(file)) {}
        Use(const Use&) = delete;
        Use& operator=(const Use&) = delete;
        ~Use() { cache_.unpin(record_); }
        int fd() const { return file_.get(); }

    private:
        friend class Cache;
        Cache& cache_;
        std::shared_ptr<Record> record_;
        Descriptor file_;
    };
    using Pinned = std::unique_ptr<const Use>;
    using Grow = std::function<Result<void>(std::uint64_t)>;

    /// What `fill` brought.
    struct Filled {
        bool not_modified = false;
        Validators validators;
    };
    /// Fetches to `fd`, an empty file, after asking `grow` for each further byte; or finds that
    /// what has the validators `known`, if any, is still the same. Called outside of the lock.
    using Fill = std::function<Result<Filled>(int fd, const Validators& known, const Grow& grow)>;

    /// Takes the directory, which no other agent may have, and removes what an earlier one left.
    static Result<std::unique_ptr<Cache>> open(const std::string& directory,
                                               std::uint64_t bytes_max, Counters& counters);

    /// The entry of `key`, fetched by `fill` unless it is here; an entry with validators is asked
    /// for anew, and used as it is when nobody answers. Nothing when it cannot be kept for lack of
    /// room: fetch it without the cache. An error is of `fill`; who waited for it gets it as well,
    /// unless it was cancelled.
    Result<Pinned> get(const std::string& key, const Fill& fill,
                       const std::atomic<bool>& cancelled);
    /// It is not what it should be: whoever asks next gets it fetched anew.
    void forget(const Use& use);
    /// A directory in it for a moment's files, of nobody but the agent; absolute.
    Result<std::string> make_temporary() const;

    std::uint64_t bytes_used() const;
    std::uint64_t bytes_max() const { return bytes_max_; }

private:
    using Records = std::list<std::shared_ptr<Record>>;
    struct Record {
        std::string key;
        std::string path;
        std::uint64_t bytes = 0;
        ino_t inode = 0;
        timespec changed{};  // Its ctime: a file that was touched since is not trusted any more.
        Validators validators;
        std::size_t users = 0;
        bool forgotten = false;
    };
    /// A fetch that others wait for.
    struct Filling {
        bool done = false;
        bool unkept = false;
        std::optional<Error> error;
    };
    /// One call of `fill` and what it takes of the room.
    struct Attempt {
        Pinned old;  // Gone as soon as something newer comes.
        std::uint64_t reserved = 0;
        bool no_room = false;
    };

    Cache(std::string directory, std::uint64_t bytes_max, Counters& counters)
        : directory_(std::move(directory)), bytes_max_(bytes_max), counters_(counters) {}

    Result<void> take_directory();
    std::shared_ptr<Record> find(const std::string& key);  // Locked. Makes it the newest.
    Result<Pinned> use(const std::shared_ptr<Record>& record);
    void unpin(const std::shared_ptr<Record>& record);
    void remove(const std::shared_ptr<Record>& record);  // Locked.
    bool make_room(std::uint64_t bytes);                 // Locked.
    Result<void> grow(Attempt& attempt, std::uint64_t bytes);
    void release(Attempt& attempt);
    Result<Pinned> fill(const std::string& key, const std::shared_ptr<Record>& old,
                        const Fill& fill);
    Result<Pinned> keep(const std::string& key, const std::string& path, int fd, Attempt& attempt,
                        Validators validators);

    const std::string directory_;
    const std::uint64_t bytes_max_;
    Counters& counters_;
    Descriptor lock_;
    mutable std::mutex mutex_;  // Of what follows.
    std::condition_variable filled_;
    std::uint64_t used_ = 0;  // Records, forgotten ones in use too, and what is being fetched.
    std::uint64_t number_ = 0;
    Records records_;  // The least recently used first.
    std::map<std::string, Records::iterator> by_key_;
    std::map<std::string, std::shared_ptr<Filling>> filling_;
};

}  // namespace tepui::containerizer::fetcher
