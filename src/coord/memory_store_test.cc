#include "coord/memory_store.h"

#include <gmock/gmock.h>

namespace tepui::coord {
namespace {

using testing::ElementsAre;

TEST(MemoryStore, CompletesInOrderWhenTold) {
    MemoryStore store({{"old", "1"}}, MemoryStore::Completion::manual);
    std::vector<int> done;
    store.commit({{"a", "1"}, {"old", std::nullopt}},
                 [&](Result<void> result) { done.push_back(result ? 1 : -1); });
    store.commit({{"a", "2"}}, [&](Result<void> result) { done.push_back(result ? 2 : -2); });
    EXPECT_EQ(store.pending(), 2U);
    EXPECT_EQ(store.contents(), (std::map<std::string, std::string>{{"old", "1"}}));
    EXPECT_TRUE(store.complete_next());
    EXPECT_EQ(store.contents(), (std::map<std::string, std::string>{{"a", "1"}}));
    EXPECT_TRUE(store.complete_next());
    EXPECT_FALSE(store.complete_next());
    EXPECT_EQ(store.load().value(), (std::map<std::string, std::string>{{"a", "2"}}));
    EXPECT_THAT(done, ElementsAre(1, 2));
}

TEST(MemoryStore, CompletesAtOnceByDefault) {
    MemoryStore store;
    bool done = false;
    store.commit({{"a", "1"}}, [&](Result<void> result) { done = result.has_value(); });
    EXPECT_TRUE(done);
    EXPECT_EQ(store.contents().at("a"), "1");
}

TEST(MemoryStore, StaysBroken) {
    MemoryStore store({}, MemoryStore::Completion::manual);
    std::vector<std::string> errors;
    const auto note = [&](Result<void> result) {
        errors.push_back(result ? "" : result.error().text);
    };
    store.commit({{"a", "1"}}, note);
    store.break_down(Error{Errc::io, "gone"});
    store.commit({{"a", "2"}}, note);
    EXPECT_THAT(errors, ElementsAre("gone", "gone"));
    EXPECT_FALSE(store.load());
    EXPECT_TRUE(store.contents().empty());
}

}  // namespace
}  // namespace tepui::coord
