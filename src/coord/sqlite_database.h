#pragma once

#include <map>
#include <memory>
#include <string>
#include <string_view>

#include "base/time.h"
#include "coord/store.h"

struct sqlite3;
struct sqlite3_stmt;

namespace tepui::coord {

/// One connection to a store's file: the schema, and reading and writing keys. Used by one thread
/// at a time. Every error names the file.
///
/// Schema 1: table `entries(key, value, checksum)`. The checksum covers key and value, because
/// SQLite itself would not notice a bit that flipped inside a value.
class SqliteDatabase {
public:
    /// Opens or creates the file in WAL mode with synchronous=FULL. Fails with corrupt when it is
    /// no database, conflict when it is another program's, unsupported when a newer version wrote
    /// it.
    static Result<SqliteDatabase> open(const std::string& path, Duration busy_timeout);

    /// All entries, after SQLite's integrity check and ours; corrupt when one of them fails. With
    /// `blank_damaged` a value whose checksum is wrong comes back empty instead.
    Result<std::map<std::string, std::string>> read_all(bool blank_damaged);

    Result<void> begin();
    Result<void> apply(const Write& write);
    /// Returns when the transaction is on the disk.
    Result<void> commit();
    void roll_back();

private:
    struct CloseDatabase {
        void operator()(sqlite3* database) const;
    };
    struct CloseStatement {
        void operator()(sqlite3_stmt* statement) const;
    };
    using Handle = std::unique_ptr<sqlite3, CloseDatabase>;
    using Statement = std::unique_ptr<sqlite3_stmt, CloseStatement>;

    SqliteDatabase(std::string path, Handle handle)
        : path_(std::move(path)), handle_(std::move(handle)) {}

    Result<void> configure(Duration busy_timeout);
    Result<void> upgrade_schema();
    Result<void> execute(const char* sql);
    Result<Statement> prepare(const char* sql);
    /// The first column of the first row, as text; empty without a row.
    Result<std::string> query_text(const char* sql);
    std::unexpected<Error> failure(int code, std::string_view doing) const;

    std::string path_;
    Handle handle_;
    Statement upsert_;  // After handle_: statements are finalised before the connection closes.
    Statement remove_;
};

}  // namespace tepui::coord
