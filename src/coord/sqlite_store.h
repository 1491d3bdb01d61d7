#pragma once

#include <condition_variable>
#include <deque>
#include <mutex>
#include <thread>

#include "coord/disk_reserve.h"
#include "coord/file_lock.h"
#include "coord/sqlite_database.h"
#include "coord/store.h"

namespace tepui::coord {

struct SqliteStoreOptions {
    std::string
        path;  // The database; `path`-wal, `path`-shm and `path`.lock come to lie beside it.
    Duration busy_timeout = std::chrono::seconds{5};  // For readers such as backup tools.
    /// A value whose checksum is wrong is loaded as empty, for owners to whom an empty value means
    /// one broken object that they name and drop; else it fails load() as corrupt.
    bool blank_damaged_values = false;
    /// With more than zero a full disk is no failure: so many bytes, kept in `path`.reserve, are
    /// given back, and when they do not do a commit waits until there is room.
    std::uint64_t reserve_bytes = 0;
};

/// A Store in one SQLite file, for one process at a time.
///
/// Its own thread takes everything that is queued and writes it in one transaction, so that one
/// fsync serves all commits that came in during the last one. `done` runs on that thread: it must
/// not block and must not destroy the store.
class SqliteStore final : public Store {
public:
    /// Fails with conflict when another process has the store open (naming it), corrupt when the
    /// file is no database, unsupported when a newer version wrote it, io otherwise.
    static Result<std::unique_ptr<SqliteStore>> open(SqliteStoreOptions options);

    /// Writes what is queued, runs every `done`, then closes the file and drops the lock.
    ~SqliteStore() override;

    /// Before the first commit.
    Result<std::map<std::string, std::string>> load() override;
    /// A key or value beyond the limits of Write fails as a broken disk would.
    void commit(std::vector<Write> writes, std::function<void(Result<void>)> done) override;

    /// Transactions written so far: fewer than commits when they came in groups.
    std::uint64_t transactions() const;

private:
    struct Batch {
        std::vector<Write> writes;
        std::function<void(Result<void>)> done;
    };

    SqliteStore(FileLock lock, SqliteDatabase database, const SqliteStoreOptions& options);
    void run();
    /// write(), again and again while the disk is full.
    Result<void> write_patiently(const std::deque<Batch>& batches);
    Result<void> write(const std::deque<Batch>& batches);

    const FileLock lock_;
    const bool blank_damaged_;
    const bool waits_for_room_;
    DiskReserve reserve_;      // The thread's.
    SqliteDatabase database_;  // The thread's once it runs; load() comes before.
    mutable std::mutex mutex_;
    std::condition_variable wake_;
    std::deque<Batch> queue_;
    std::uint64_t transactions_ = 0;
    bool stopping_ = false;
    std::thread thread_;
};

}  // namespace tepui::coord
