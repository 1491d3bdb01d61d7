#include "coord/sqlite_store.h"

namespace tepui::coord {
namespace {

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
        new SqliteStore(std::move(lock), std::move(database), options.blank_damaged_values));
}

SqliteStore::SqliteStore(FileLock lock, SqliteDatabase database, bool blank_damaged)
    : lock_(std::move(lock)),
      blank_damaged_(blank_damaged),
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
            if (auto written = write(batches); !written) {
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
