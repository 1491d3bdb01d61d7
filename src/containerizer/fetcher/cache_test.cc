#include "containerizer/fetcher/cache.h"

#include <future>
#include <thread>

#include "containerizer/fetcher/fetch_fixture.h"

namespace tepui::containerizer::fetcher {
namespace {

class CacheTest : public ::testing::Test {
protected:
    void SetUp() override {
        char name[] = "/tmp/tepui-cache-XXXXXX";
        ASSERT_NE(::mkdtemp(name), nullptr);
        directory_ = name;
        open(100);
    }
    void TearDown() override {
        cache_.reset();
        std::filesystem::remove_all(directory_);
    }
    void open(std::uint64_t bytes_max) {
        cache_.reset();
        auto opened = Cache::open(directory_, bytes_max, counters_);
        ASSERT_TRUE(opened) << opened.error().text;
        cache_ = std::move(*opened);
    }

    /// A fill that writes so many bytes.
    Cache::Fill fill(const std::string& text, Validators validators = {}) {
        return [this, text, validators](int fd, const Validators& known,
                                        const Cache::Grow& grow) -> Result<Cache::Filled> {
            ++fills_;
            if (known.any() && known.etag == validators.etag)
                return Cache::Filled{true, validators};
            TEPUI_CHECK_OK(grow(text.size()));
            EXPECT_EQ(::write(fd, text.data(), text.size()), static_cast<ssize_t>(text.size()));
            return Cache::Filled{false, validators};
        };
    }
    Cache::Fill failing(Errc code) {
        return [this, code](int, const Validators&, const Cache::Grow&) -> Result<Cache::Filled> {
            ++fills_;
            return fail(code, "no luck");
        };
    }
    Result<Cache::Pinned> get(const std::string& key, const Cache::Fill& how) {
        return cache_->get(key, how, cancelled_);
    }
    static std::string text(const Cache::Pinned& use) {
        char buffer[256];
        const ssize_t count = use ? ::pread(use->fd(), buffer, sizeof buffer, 0) : 0;
        return {buffer, static_cast<std::size_t>(std::max<ssize_t>(count, 0))};
    }
    std::size_t files() const {
        std::size_t count = 0;
        for (const auto& entry : std::filesystem::directory_iterator(directory_))
            count += entry.path().filename().string().starts_with("c-") ? 1 : 0;
        return count;
    }

    std::string directory_;
    Counters counters_;
    std::unique_ptr<Cache> cache_;
    std::atomic<bool> cancelled_ = false;
    std::atomic<int> fills_ = 0;
};

TEST_F(CacheTest, KeepsWhatWasFetched) {
    EXPECT_EQ(text(*get("a", fill("first"))), "first");
    EXPECT_EQ(text(*get("a", fill("second"))), "first");
    EXPECT_EQ(text(*get("b", fill("third"))), "third");
    EXPECT_EQ(fills_, 2);
    EXPECT_EQ(counters_.cache_hits, 1u);
    EXPECT_EQ(counters_.cache_misses, 2u);
    EXPECT_EQ(cache_->bytes_used(), 10u);
}

TEST_F(CacheTest, AsksAnewForWhatHasValidators) {
    EXPECT_EQ(text(*get("a", fill("one", {"\"1\"", ""}))), "one");
    EXPECT_EQ(text(*get("a", fill("same", {"\"1\"", ""}))), "one");
    EXPECT_EQ(fills_, 2);
    EXPECT_EQ(text(*get("a", fill("newer", {"\"2\"", ""}))), "newer");
    EXPECT_EQ(cache_->bytes_used(), 5u);
    EXPECT_EQ(files(), 1u);
    // Nobody answers: what there is will do. It is gone: then it is gone.
    EXPECT_EQ(text(*get("a", failing(Errc::io))), "newer");
    EXPECT_EQ(get("a", failing(Errc::not_found)).error().code, Errc::not_found);
    EXPECT_EQ(cache_->bytes_used(), 0u);
    EXPECT_EQ(files(), 0u);
}

TEST_F(CacheTest, TheLeastRecentlyUsedMakesRoom) {
    const std::string forty(40, 'x');
    ASSERT_TRUE(get("a", fill(forty)));
    ASSERT_TRUE(get("b", fill(forty)));
    ASSERT_TRUE(get("a", fill("never")));  // Used later than b.
    ASSERT_TRUE(get("c", fill(forty)));
    EXPECT_EQ(cache_->bytes_used(), 80u);
    fills_ = 0;
    EXPECT_EQ(text(*get("a", fill("never"))), forty);
    EXPECT_EQ(fills_, 0);
    EXPECT_EQ(text(*get("b", fill("again"))), "again");
}

TEST_F(CacheTest, WhatIsUsedStays) {
    const std::string sixty(60, 'x');
    Result<Cache::Pinned> used = get("a", fill(sixty));
    const Result<Cache::Pinned> second = get("b", fill(sixty));
    ASSERT_TRUE(second);
    EXPECT_EQ(*second, nullptr);  // No room: without the cache.
    EXPECT_EQ(text(*used), sixty);
    EXPECT_EQ(cache_->bytes_used(), 60u);
    used->reset();
    const Result<Cache::Pinned> third = get("b", fill(sixty));
    ASSERT_TRUE(third && *third);
    EXPECT_EQ(cache_->bytes_used(), 60u);
    const Result<Cache::Pinned> large = get("c", fill(std::string(101, 'x')));
    ASSERT_TRUE(large);
    EXPECT_EQ(*large, nullptr);
    EXPECT_EQ(cache_->bytes_used(), 60u);
}

TEST_F(CacheTest, WhatWasTouchedIsFetchedAnew) {
    ASSERT_TRUE(get("a", fill("right")));
    for (const auto& entry : std::filesystem::directory_iterator(directory_)) {
        if (entry.path().filename() == "lock") continue;
        std::ofstream(entry.path(), std::ios::in | std::ios::out) << "wrong";
        // A clock that ticks coarsely might not tell the two writes apart.
        ASSERT_EQ(::truncate(entry.path().c_str(), 4), 0);
    }
    EXPECT_EQ(text(*get("a", fill("fresh"))), "fresh");
    EXPECT_EQ(fills_, 2);
    for (const auto& entry : std::filesystem::directory_iterator(directory_))
        if (entry.path().filename() != "lock") std::filesystem::remove(entry.path());
    EXPECT_EQ(text(*get("a", fill("third"))), "third");
    EXPECT_EQ(cache_->bytes_used(), 5u);
}

TEST_F(CacheTest, OneFetchForAllWhoWait) {
    std::promise<void> go;
    std::shared_future<void> gate = go.get_future().share();
    std::promise<void> begun;
    const Cache::Fill slow = [&](int fd, const Validators&,
                                 const Cache::Grow& grow) -> Result<Cache::Filled> {
        ++fills_;
        begun.set_value();
        gate.wait();
        TEPUI_CHECK_OK(grow(4));
        EXPECT_EQ(::write(fd, "slow", 4), 4);
        return Cache::Filled{};
    };
    auto first = std::async(std::launch::async, [&] { return text(*get("a", slow)); });
    begun.get_future().wait();
    std::vector<std::future<std::string>> others;
    for (int i = 0; i < 8; ++i)
        others.push_back(
            std::async(std::launch::async, [&] { return text(*get("a", fill("never"))); }));
    go.set_value();
    EXPECT_EQ(first.get(), "slow");
    for (auto& other : others) EXPECT_EQ(other.get(), "slow");
    EXPECT_EQ(fills_, 1);
    EXPECT_EQ(counters_.cache_hits, 8u);
}

TEST_F(CacheTest, AnErrorIsNotKept) {
    EXPECT_FALSE(get("a", failing(Errc::io)));
    EXPECT_EQ(text(*get("a", fill("now"))), "now");
    EXPECT_EQ(files(), 1u);
}

TEST_F(CacheTest, IsEmptiedAndOfOneAgent) {
    ASSERT_TRUE(get("a", fill("old")));
    std::ofstream(directory_ + "/precious") << "not ours";
    EXPECT_EQ(Cache::open(directory_, 100, counters_).error().code, Errc::conflict);
    open(100);
    EXPECT_EQ(files(), 0u);
    EXPECT_TRUE(std::filesystem::exists(directory_ + "/precious"));
    EXPECT_EQ(cache_->bytes_used(), 0u);
    EXPECT_EQ(text(*get("a", fill("new"))), "new");
}

}  // namespace
}  // namespace tepui::containerizer::fetcher
