#include "master/snapshot/paged_map.h"

#include <map>

#include <gtest/gtest.h>
#include <rapidcheck/gtest.h>

namespace tepui::master {
namespace {

std::map<int, int> contents(const PagedMap<int, int>& map) {
    std::map<int, int> all;
    map.for_each([&](int key, int value) { all.emplace_hint(all.end(), key, value); });
    EXPECT_EQ(all.size(), map.size());
    return all;
}

RC_GTEST_PROP(PagedMap, BehavesLikeAMapAndCopiesKeepWhatTheyHad, ()) {
    PagedMap<int, int> map;
    std::map<int, int> model;
    std::vector<std::pair<PagedMap<int, int>, std::map<int, int>>> copies;
    const auto steps = *rc::gen::inRange(0, 3000);
    for (int i = 0; i < steps; ++i) {
        const int key = *rc::gen::inRange(0, 700);
        const int what = *rc::gen::inRange(0, 100);
        if (what < 65) {
            map.set(key, i);
            model[key] = i;
        } else if (what < 98) {
            map.erase(key);
            model.erase(key);
        } else {
            copies.emplace_back(map.share(), model);
        }
    }
    RC_ASSERT(contents(map) == model);
    for (const auto& [copy, then] : copies) RC_ASSERT(contents(copy) == then);
    for (int key = 0; key < 700; key += 7) {
        const int* found = map.find(key);
        RC_ASSERT((found != nullptr) == model.contains(key));
        if (found) RC_ASSERT(*found == model[key]);
    }
    const int from = *rc::gen::inRange(-1, 701);
    std::vector<int> seen;
    map.for_each_from(from, [&](int key, int) {
        seen.push_back(key);
        return seen.size() < 5;
    });
    std::vector<int> want;
    for (auto it = model.lower_bound(from); it != model.end() && want.size() < 5; ++it)
        want.push_back(it->first);
    RC_ASSERT(seen == want);
}

TEST(PagedMap, CopyingSharesPages) {
    PagedMap<int, std::shared_ptr<int>> map;
    for (int i = 0; i < 10'000; ++i) map.set(i, std::make_shared<int>(i));
    const auto copy = map.share();
    map.set(5'000, std::make_shared<int>(-1));
    EXPECT_EQ(**copy.find(5'000), 5'000);
    EXPECT_EQ(**map.find(5'000), -1);
    // An entry of another page is the very same object, reached through one shared page.
    EXPECT_EQ(copy.find(1), map.find(1));
}

}  // namespace
}  // namespace tepui::master
