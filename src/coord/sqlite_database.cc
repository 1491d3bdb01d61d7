#include "coord/sqlite_database.h"

#include <sqlite3.h>

#include <chrono>
#include <cstdint>

namespace tepui::coord {
namespace {

constexpr int schema_version = 1;
constexpr int application_id = 0x54455055;  // "TEPU", in the file's header: tells whose file it is.

/// FNV-1a, 64 bits, over the key, a separator and the value.
std::int64_t checksum(std::string_view key, std::string_view value) {
    std::uint64_t hash = 0xcbf29ce484222325U;
    const auto add = [&hash](std::string_view bytes) {
        for (const char c : bytes) hash = (hash ^ static_cast<unsigned char>(c)) * 0x100000001b3U;
    };
    add(key);
    add(std::string_view("\0", 1));
    add(value);
    return static_cast<std::int64_t>(hash);
}

std::string_view column_bytes(sqlite3_stmt* statement, int column) {
    const auto* data = static_cast<const char*>(sqlite3_column_blob(statement, column));
    const int size = sqlite3_column_bytes(statement, column);
    return data == nullptr ? std::string_view()
                           : std::string_view(data, static_cast<std::size_t>(size));
}

}  // namespace

void SqliteDatabase::CloseDatabase::operator()(sqlite3* database) const { sqlite3_close(database); }

void SqliteDatabase::CloseStatement::operator()(sqlite3_stmt* statement) const {
    sqlite3_finalize(statement);
}

Result<SqliteDatabase> SqliteDatabase::open(const std::string& path, Duration busy_timeout) {
    sqlite3* raw = nullptr;
    const int code = sqlite3_open_v2(
        path.c_str(), &raw, SQLITE_OPEN_READWRITE | SQLITE_OPEN_CREATE | SQLITE_OPEN_FULLMUTEX,
        nullptr);
    SqliteDatabase database(path, Handle(raw));  // SQLite gives a handle to close even on failure.
    if (code != SQLITE_OK) return database.failure(code, "opening");
    TEPUI_CHECK_OK(database.configure(busy_timeout));
    TEPUI_CHECK_OK(database.upgrade_schema());
    database.upsert_ = TEPUI_TRY(database.prepare(
        "INSERT INTO entries(key, value, checksum) VALUES(?1, ?2, ?3) "
        "ON CONFLICT(key) DO UPDATE SET value = excluded.value, checksum = excluded.checksum"));
    database.remove_ = TEPUI_TRY(database.prepare("DELETE FROM entries WHERE key = ?1"));
    return database;
}

Result<void> SqliteDatabase::configure(Duration busy_timeout) {
    using std::chrono::duration_cast;
    using std::chrono::milliseconds;
    sqlite3_busy_timeout(handle_.get(),
                         static_cast<int>(duration_cast<milliseconds>(busy_timeout).count()));
    // Foreign files are recognised before anything in them is changed.
    const std::string owner = TEPUI_TRY(query_text("PRAGMA application_id"));
    const std::string tables = TEPUI_TRY(query_text("SELECT count(*) FROM sqlite_master"));
    if (owner != std::to_string(application_id) && !(owner == "0" && tables == "0"))
        return fail(Errc::conflict, "{} is an SQLite file of another program", path_);
    const std::string mode = TEPUI_TRY(query_text("PRAGMA journal_mode=WAL"));
    if (mode != "wal")
        return fail(Errc::io, "{}: this file system cannot hold a write-ahead log (got {})", path_,
                    mode);
    return execute("PRAGMA synchronous=FULL");
}

Result<void> SqliteDatabase::upgrade_schema() {
    const std::string version = TEPUI_TRY(query_text("PRAGMA user_version"));
    if (version == std::to_string(schema_version)) return {};
    if (version != "0")
        return fail(Errc::unsupported,
                    "{} has schema {}, this version knows {}: start the version that wrote it",
                    path_, version, schema_version);
    return execute(fmt::format("BEGIN IMMEDIATE;"
                               "CREATE TABLE entries(key TEXT PRIMARY KEY, value BLOB NOT NULL, "
                               "checksum INTEGER NOT NULL) WITHOUT ROWID;"
                               "PRAGMA application_id={};"
                               "PRAGMA user_version={};"
                               "COMMIT",
                               application_id, schema_version)
                       .c_str());
}

Result<std::map<std::string, std::string>> SqliteDatabase::read_all(bool blank_damaged) {
    const std::string verdict = TEPUI_TRY(query_text("PRAGMA integrity_check(1)"));
    if (verdict != "ok") return fail(Errc::corrupt, "{} is damaged: {}", path_, verdict);

    const Statement select =
        TEPUI_TRY(prepare("SELECT key, value, checksum FROM entries ORDER BY key"));
    std::map<std::string, std::string> entries;
    int code = SQLITE_OK;
    while ((code = sqlite3_step(select.get())) == SQLITE_ROW) {
        const std::string_view key = column_bytes(select.get(), 0);
        std::string_view value = column_bytes(select.get(), 1);
        if (checksum(key, value) != sqlite3_column_int64(select.get(), 2)) {
            if (!blank_damaged)
                return fail(Errc::corrupt, "{} is damaged: the checksum of {} is wrong", path_,
                            key);
            value = {};
        }
        entries.emplace_hint(entries.end(), key, value);
    }
    if (code != SQLITE_DONE) return failure(code, "reading");
    return entries;
}

Result<void> SqliteDatabase::begin() { return execute("BEGIN IMMEDIATE"); }
Result<void> SqliteDatabase::commit() { return execute("COMMIT"); }

void SqliteDatabase::roll_back() {
    if (sqlite3_get_autocommit(handle_.get()) == 0)
        sqlite3_exec(handle_.get(), "ROLLBACK", nullptr, nullptr, nullptr);
}

Result<void> SqliteDatabase::apply(const Write& write) {
    sqlite3_stmt* statement = write.value ? upsert_.get() : remove_.get();
    // The bytes outlive the step, hence SQLITE_STATIC.
    sqlite3_bind_text64(statement, 1, write.key.data(), write.key.size(), SQLITE_STATIC,
                        SQLITE_UTF8);
    if (write.value) {
        // A null pointer would store NULL instead of an empty value.
        const char* data = write.value->empty() ? "" : write.value->data();
        sqlite3_bind_blob64(statement, 2, data, write.value->size(), SQLITE_STATIC);
        sqlite3_bind_int64(statement, 3, checksum(write.key, *write.value));
    }
    const int code = sqlite3_step(statement);
    sqlite3_reset(statement);
    sqlite3_clear_bindings(statement);
    if (code != SQLITE_DONE) return failure(code, "writing");
    return {};
}

Result<void> SqliteDatabase::execute(const char* sql) {
    const int code = sqlite3_exec(handle_.get(), sql, nullptr, nullptr, nullptr);
    if (code != SQLITE_OK) return failure(code, "writing");
    return {};
}

Result<SqliteDatabase::Statement> SqliteDatabase::prepare(const char* sql) {
    sqlite3_stmt* statement = nullptr;
    const int code = sqlite3_prepare_v2(handle_.get(), sql, -1, &statement, nullptr);
    if (code != SQLITE_OK) return failure(code, "reading");
    return Statement(statement);
}

Result<std::string> SqliteDatabase::query_text(const char* sql) {
    const Statement statement = TEPUI_TRY(prepare(sql));
    const int code = sqlite3_step(statement.get());
    if (code == SQLITE_ROW) return std::string(column_bytes(statement.get(), 0));
    if (code == SQLITE_DONE) return std::string();
    return failure(code, "reading");
}

std::unexpected<Error> SqliteDatabase::failure(int code, std::string_view doing) const {
    const bool damaged = (code & 0xff) == SQLITE_CORRUPT || (code & 0xff) == SQLITE_NOTADB;
    const char* text = handle_ ? sqlite3_errmsg(handle_.get()) : sqlite3_errstr(code);
    if (damaged) return fail(Errc::corrupt, "{} is damaged: {}", path_, text);
    if ((code & 0xff) == SQLITE_FULL)
        return fail(Errc::unavailable, "{} {}: {}", doing, path_, text);
    return fail(Errc::io, "{} {}: {}", doing, path_, text);
}

}  // namespace tepui::coord
