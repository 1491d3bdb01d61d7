#include "coord/sqlite_store.h"

#include <fcntl.h>
#include <signal.h>
#include <sys/mount.h>
#include <sys/wait.h>
#include <unistd.h>

#include <filesystem>
#include <fstream>
#include <future>

#include <gmock/gmock.h>
#include <sqlite3.h>

#include "base/temporary_directory_testing.h"

namespace tepui::coord {
namespace {

using testing::HasSubstr;

class SqliteStoreTest : public testing::Test {
protected:
    std::unique_ptr<SqliteStore> open() {
        auto store = SqliteStore::open({.path = path_});
        EXPECT_TRUE(store) << store.error().text;
        return store ? std::move(*store) : nullptr;
    }

    static Result<void> commit(Store& store, std::vector<Write> writes) {
        std::promise<Result<void>> done;
        store.commit(std::move(writes), [&done](Result<void> result) { done.set_value(result); });
        return done.get_future().get();
    }

    void run_sql(const std::string& sql) {
        sqlite3* database = nullptr;
        ASSERT_EQ(sqlite3_open(path_.c_str(), &database), SQLITE_OK);
        char* error = nullptr;
        EXPECT_EQ(sqlite3_exec(database, sql.c_str(), nullptr, nullptr, &error), SQLITE_OK)
            << (error ? error : "");
        sqlite3_close(database);
    }

    const TemporaryDirectory folder_;
    const std::string path_ = folder_.path() + "/registry.db";
};

TEST_F(SqliteStoreTest, KeepsWhatWasCommitted) {
    const std::string binary("\0\xff\n", 3);
    {
        const auto store = open();
        EXPECT_TRUE(commit(*store, {{"a", "1"}, {"b", binary}, {"c", ""}}));
        EXPECT_TRUE(
            commit(*store, {{"a", "2"}, {"c", std::nullopt}, {"d", "4"}, {"d", std::nullopt}}));
        EXPECT_TRUE(commit(*store, {{"empty", ""}, {"never", std::nullopt}}));
    }
    const auto loaded = open()->load();
    ASSERT_TRUE(loaded) << loaded.error().text;
    EXPECT_EQ(*loaded,
              (std::map<std::string, std::string>{{"a", "2"}, {"b", binary}, {"empty", ""}}));
}

TEST_F(SqliteStoreTest, WritesWhatIsQueuedInOneTransactionAndAnswersInOrder) {
    const auto store = open();
    std::promise<void> first_done;
    std::promise<void> release;
    store->commit({{"first", "1"}}, [&](Result<void>) {
        first_done.set_value();
        release.get_future().wait();  // Holds the writer while the others queue up.
    });
    first_done.get_future().wait();

    std::vector<int> order;
    std::promise<void> last_done;
    for (int i = 0; i < 100; ++i) {
        store->commit({{"key" + std::to_string(i), "x"}}, [&, i](Result<void> result) {
            EXPECT_TRUE(result);
            order.push_back(i);
            if (i == 99) last_done.set_value();
        });
    }
    release.set_value();
    last_done.get_future().wait();
    EXPECT_EQ(store->transactions(), 2U);
    EXPECT_TRUE(std::is_sorted(order.begin(), order.end()));
    EXPECT_EQ(order.size(), 100U);
}

TEST_F(SqliteStoreTest, DestructionWritesTheQueue) {
    int answered = 0;
    {
        const auto store = open();
        for (int i = 0; i < 20; ++i)
            store->commit({{std::to_string(i), "x"}},
                          [&](Result<void> result) { answered += result ? 1 : 0; });
    }
    EXPECT_EQ(answered, 20);
    EXPECT_EQ(open()->load()->size(), 20U);
}

TEST_F(SqliteStoreTest, AFailedCommitFailsEveryLaterOne) {
    {
        const auto store = open();
        EXPECT_TRUE(commit(*store, {{"before", "1"}}));
        const auto failed =
            commit(*store, {{"half", "1"}, {"huge", std::string((1 << 20) + 1, 'x')}});
        ASSERT_FALSE(failed);
        EXPECT_EQ(failed.error().code, Errc::too_large);
        EXPECT_THAT(failed.error().text, HasSubstr("huge"));
        EXPECT_EQ(commit(*store, {{"after", "1"}}).error(), failed.error());
    }
    EXPECT_EQ(open()->load().value(), (std::map<std::string, std::string>{{"before", "1"}}));
}

TEST_F(SqliteStoreTest, ReportsADiskThatFails) {
    const auto store = open();
    // A trigger stands for the disk: SQLite refuses the write in the middle of the batch.
    run_sql(
        "CREATE TRIGGER full BEFORE INSERT ON entries WHEN NEW.key = 'bad' "
        "BEGIN SELECT RAISE(ABORT, 'no space'); END");
    const auto failed = commit(*store, {{"good", "1"}, {"bad", "1"}});
    ASSERT_FALSE(failed);
    EXPECT_EQ(failed.error().code, Errc::io);
    EXPECT_THAT(failed.error().text, HasSubstr(path_));
    EXPECT_THAT(failed.error().text, HasSubstr("no space"));
    EXPECT_FALSE(commit(*store, {{"good", "1"}}));
    EXPECT_TRUE(store->load()->empty());
}

/// A file system of four megabytes, and what fills it.
class SmallDisk {
public:
    SmallDisk() {
        mounted_ = ::mount("tepui-test", folder_.path().c_str(), "tmpfs", 0, "size=4m") == 0;
    }
    ~SmallDisk() {
        if (mounted_) ::umount2(folder_.path().c_str(), MNT_DETACH);
    }
    bool mounted() const { return mounted_; }
    std::string path(const std::string& name) const { return folder_.path() + "/" + name; }
    void fill() const {
        const int file =
            ::open(path("filler").c_str(), O_WRONLY | O_CREAT | O_APPEND | O_CLOEXEC, 0600);
        const std::string page(4096, 'x');
        while (::write(file, page.data(), page.size()) == 4096) {
        }
        ::close(file);
    }

private:
    const TemporaryDirectory folder_;
    bool mounted_ = false;
};

TEST_F(SqliteStoreTest, AFullDiskTakesTheReserveAndThenWaits) {
    const SmallDisk disk;
    ASSERT_TRUE(disk.mounted()) << "this test mounts a small file system: run it as root";
    const auto store =
        SqliteStore::open({.path = disk.path("db"), .reserve_bytes = std::size_t{1} << 20}).value();
    ASSERT_TRUE(commit(*store, {{"a", "1"}}));
    ASSERT_TRUE(std::filesystem::exists(disk.path("db.reserve")));
    disk.fill();
    const std::string value(std::size_t{200} << 10, 'v');
    EXPECT_TRUE(commit(*store, {{"b", value}})) << "into the reserve";
    EXPECT_FALSE(std::filesystem::exists(disk.path("db.reserve")));
    disk.fill();
    std::promise<Result<void>> done;
    auto written = done.get_future();
    store->commit({{"c", value}}, [&](Result<void> result) { done.set_value(std::move(result)); });
    EXPECT_EQ(written.wait_for(std::chrono::milliseconds(700)), std::future_status::timeout)
        << "there is no room, and that is no failure";
    std::filesystem::remove(disk.path("filler"));
    ASSERT_EQ(written.wait_for(std::chrono::seconds(30)), std::future_status::ready);
    EXPECT_TRUE(written.get());
    EXPECT_TRUE(commit(*store, {{"d", "1"}}));
}

TEST_F(SqliteStoreTest, AFullDiskWithoutAReserveIsAFailure) {
    const SmallDisk disk;
    ASSERT_TRUE(disk.mounted()) << "this test mounts a small file system: run it as root";
    const auto store = SqliteStore::open({.path = disk.path("db")}).value();
    disk.fill();
    const auto failed = commit(*store, {{"b", std::string(std::size_t{200} << 10, 'v')}});
    ASSERT_FALSE(failed);
    EXPECT_EQ(failed.error().code, Errc::unavailable);
}

TEST_F(SqliteStoreTest, OpensOnceAtATime) {
    auto store = open();
    const auto second = SqliteStore::open({.path = path_});
    ASSERT_FALSE(second);
    EXPECT_EQ(second.error().code, Errc::conflict);
    EXPECT_THAT(second.error().text, HasSubstr(path_));
    EXPECT_THAT(second.error().text, HasSubstr(std::to_string(::getpid())));
    store.reset();
    EXPECT_NE(open(), nullptr);
}

TEST_F(SqliteStoreTest, NamesTheDamagedFile) {
    struct Row {
        const char* name;
        std::function<void()> damage;
    };
    const auto overwrite = [this](std::streamoff offset, std::size_t count) {
        std::fstream file(path_, std::ios::in | std::ios::out | std::ios::binary);
        file.seekp(offset);
        for (std::size_t i = 0; i < count; ++i) file.put('\x5a');
    };
    const Row rows[] = {
        {"no database at all", [&] { std::ofstream(path_) << std::string(4096, 'x'); }},
        {"the first page", [&] { overwrite(100, 400); }},
        {"a tree page", [&] { overwrite(4096, 2048); }},
        {"a value", [&] { run_sql("UPDATE entries SET value = x'00' WHERE key = 'key5'"); }},
        {"a key", [&] { run_sql("UPDATE entries SET key = 'kez5' WHERE key = 'key5'"); }},
    };
    for (const Row& row : rows) {
        SCOPED_TRACE(row.name);
        std::filesystem::remove(path_);
        {
            const auto store = open();
            std::vector<Write> writes;
            for (int i = 0; i < 500; ++i)
                writes.push_back({"key" + std::to_string(i), std::string(100, 'v')});
            ASSERT_TRUE(commit(*store, std::move(writes)));
        }
        row.damage();
        const auto store = SqliteStore::open({.path = path_});
        const Error error = store ? (*store)->load().error() : store.error();
        EXPECT_EQ(error.code, Errc::corrupt) << error.text;
        EXPECT_THAT(error.text, HasSubstr(path_));
    }
}

TEST_F(SqliteStoreTest, BlanksADamagedValueForOwnersThatAskForIt) {
    {
        const auto store = open();
        ASSERT_TRUE(commit(*store, {{"good", "1"}, {"bad", "2"}}));
    }
    run_sql("UPDATE entries SET value = x'00' WHERE key = 'bad'");
    const auto store = SqliteStore::open({.path = path_, .blank_damaged_values = true});
    ASSERT_TRUE(store) << store.error().text;
    const auto entries = (*store)->load();
    ASSERT_TRUE(entries) << entries.error().text;
    EXPECT_EQ(*entries, (std::map<std::string, std::string>{{"bad", ""}, {"good", "1"}}));
}

TEST_F(SqliteStoreTest, LeavesFilesOfOthersAlone) {
    run_sql("CREATE TABLE theirs(x)");
    const auto foreign = SqliteStore::open({.path = path_});
    ASSERT_FALSE(foreign);
    EXPECT_EQ(foreign.error().code, Errc::conflict);

    std::filesystem::remove(path_);
    open();
    run_sql("PRAGMA user_version=7");
    const auto newer = SqliteStore::open({.path = path_});
    ASSERT_FALSE(newer);
    EXPECT_EQ(newer.error().code, Errc::unsupported);
    EXPECT_THAT(newer.error().text, HasSubstr("7"));

    const auto nowhere = SqliteStore::open({.path = folder_.path() + "/no/such/folder/x.db"});
    ASSERT_FALSE(nowhere);
    EXPECT_EQ(nowhere.error().code, Errc::io);
}

/// In the child: commits batches 0, 1, 2, … for ever, each of two keys, and tells each one's number
/// over the pipe when it is durable.
[[noreturn]] void commit_for_ever(const std::string& path, int pipe) {
    auto store = SqliteStore::open({.path = path});
    if (!store) ::_exit(1);
    for (std::uint32_t i = 0;; ++i) {
        const std::string number = std::to_string(i);
        (*store)->commit(
            {{"left/" + number, number}, {"right/" + number, number}, {"last", number}},
            [pipe, i](Result<void> result) {
                if (!result || ::write(pipe, &i, sizeof i) != sizeof i) ::_exit(1);
            });
        if (i % 64 == 63) ::usleep(100);  // Lets the writer take groups of different sizes.
    }
}

TEST_F(SqliteStoreTest, AKilledProcessLeavesWholeBatchesInOrder) {
    for (const std::uint32_t acknowledged_min : {1U, 40U, 700U}) {
        SCOPED_TRACE(acknowledged_min);
        std::filesystem::remove_all(folder_.path());
        std::filesystem::create_directory(folder_.path());
        int pipe[2];
        ASSERT_EQ(::pipe2(pipe, O_CLOEXEC), 0);
        const pid_t child = ::fork();
        if (child == 0) commit_for_ever(path_, pipe[1]);
        ::close(pipe[1]);
        std::uint32_t acknowledged = 0;
        do {
            ASSERT_EQ(::read(pipe[0], &acknowledged, sizeof acknowledged),
                      ssize_t{sizeof acknowledged});
        } while (acknowledged < acknowledged_min);
        ASSERT_EQ(::kill(child, SIGKILL), 0);
        ASSERT_EQ(::waitpid(child, nullptr, 0), child);
        while (::read(pipe[0], &acknowledged, sizeof acknowledged) == sizeof acknowledged) {
        }
        ::close(pipe[0]);

        const auto loaded = open()->load();
        ASSERT_TRUE(loaded) << loaded.error().text;
        const std::uint32_t last = static_cast<std::uint32_t>(std::stoul(loaded->at("last")));
        EXPECT_GE(last, acknowledged) << "an acknowledged batch is gone";
        EXPECT_EQ(loaded->size(), 1 + 2 * (std::size_t{last} + 1));
        for (std::uint32_t i = 0; i <= last; ++i) {
            ASSERT_EQ(loaded->count("left/" + std::to_string(i)), 1U) << i;
            ASSERT_EQ(loaded->count("right/" + std::to_string(i)), 1U) << i;
        }
    }
}

}  // namespace
}  // namespace tepui::coord
