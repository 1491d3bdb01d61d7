#include "coord/sqlite_store.h"

namespace tepui::coord {
namespace {

constexpr std::chrono::milliseconds room_pause{500};  // Before a full disk is tried again.
constexpr std::size_t key_bytes_max = 1024;
constexpr std::size_t value_bytes_max = std::size_t{1} << 20;

Result<void> check_limits(const Write& write) {
    if (write.key.empty() || write.key.size() > key_bytes_max)
        return fail(Errc::invalid_argument, "a key of {} bytes (1 to {} are possible)",
                    write.key.size(), key_bytes_max);
    if (write.value && write.value->size() > value_bytes_max)
        return fail(Errc::too_large, "the value of {} has {} bytes (at most {} are possible)",
                    write.key, write.value->size(), value_bytes_max);
    return {};
}

}  // namespace

Result<std::unique_ptr<SqliteStore>> SqliteStore::open(SqliteStoreOptions options) {
    FileLock lock =
        TEPUI_TRY(FileLock::acquire(options.path + ".lock", "the store " + options.path));
    SqliteDatabase database = TEPUI_TRY(SqliteDatabase::open(options.path, options.busy_timeout));
    return std::unique_ptr<SqliteStore>(
        new SqliteStore(std::move(lock), std::move(database), options));
}

SqliteStore::SqliteStore(FileLock lock, SqliteDatabase database, const SqliteStoreOptions& options)
    : lock_(std::move(lock)),
      blank_damaged_(options.blank_damaged_values),
      waits_for_room_(options.reserve_bytes > 0),
      reserve_(options.path + ".reserve", options.reserve_bytes),
      database_(std::move(database)),
      thread_([this] { run(); }) {}

SqliteStore::~SqliteStore() {
    {
        const std::scoped_lock lock(mutex_);
        stopping_ = true;
    }
    wake_.notify_one();
    thread_.join();
}

Result<std::map<std::string, std::string>> SqliteStore::load() {
    return database_.read_all(blank_damaged_);
}

void SqliteStore::commit(std::vector<Write> writes, std::function<void(Result<void>)> done) {
    {
        const std::scoped_lock lock(mutex_);
        queue_.push_back(Batch{std::move(writes), std::move(done)});
    }
    wake_.notify_one();
}

std::uint64_t SqliteStore::transactions() const {
    const std::scoped_lock lock(mutex_);
    return transactions_;
}

void SqliteStore::run() {
    std::optional<Error> broken;  // Sticky: memory and disk may differ after the first failure.
    for (;;) {
        std::deque<Batch> batches;
        {
            std::unique_lock lock(mutex_);
            wake_.wait(lock, [this] { return stopping_ || !queue_.empty(); });
            if (queue_.empty()) return;
            batches.swap(queue_);
        }
        if (!broken) {
            if (auto written = write_patiently(batches); !written) {
                database_.roll_back();
                broken = written.error();
            } else {
                const std::scoped_lock lock(mutex_);
                ++transactions_;
            }
        }
        for (Batch& batch : batches) {
            if (broken) {
                batch.done(std::unexpected(*broken));
            } else {
                batch.done({});
            }
        }
    }
}

Result<void> SqliteStore::write_patiently(const std::deque<Batch>& batches) {
    for (;;) {
        auto written = write(batches);
        if (written) {
            reserve_.refill();
            return {};
        }
        if (!waits_for_room_ || written.error().code != Errc::unavailable) return written;
        // SQLite undoes all of a transaction that finds the disk full: it can be tried again.
        database_.roll_back();
        if (reserve_.release()) continue;
        std::unique_lock lock(mutex_);
        if (wake_.wait_for(lock, room_pause, [this] { return stopping_; })) return written;
    }
}

Result<void> SqliteStore::write(const std::deque<Batch>& batches) {
    TEPUI_CHECK_OK(database_.begin());
    for (const Batch& batch : batches) {
        for (const Write& write : batch.writes) {
            TEPUI_CHECK_OK(check_limits(write));
            TEPUI_CHECK_OK(database_.apply(write));
        }
    }
    return database_.commit();
}

}  // namespace tepui::coord
