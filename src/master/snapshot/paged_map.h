#pragma once

#include <algorithm>
#include <atomic>
#include <cstdint>
#include <memory>
#include <optional>
#include <utility>
#include <vector>

namespace tepui::master {

/// An ordered map whose copies share what did not change. Entries lie in sorted pages of up to 128;
/// a copy shares all pages, and a change copies the one page it touches, once until the next
/// share(). Copying costs O(n / 128), a change O(log n + page).
///
/// One writer holds a map and gives away copies with share(); copies are read by any thread.
template <typename Key, typename Value>
class PagedMap {
public:
    using Entry = std::pair<Key, Value>;

    /// A copy for readers.
    PagedMap share() {
        ++generation_;  // Pages made before now belong to the copy too.
        return *this;
    }

    const Value* find(const Key& key) const {
        const std::size_t at = page_of(key);
        if (at == pages_.size()) return nullptr;
        const auto& entries = pages_[at]->entries;
        const auto it = position(entries, key);
        return it != entries.end() && it->first == key ? &it->second : nullptr;
    }

    void set(const Key& key, Value value) {
        if (pages_.empty()) pages_.push_back(std::make_shared<Page>(Page{generation_, {}}));
        const std::size_t at = std::min(page_of(key), pages_.size() - 1);
        auto& entries = own(at).entries;
        const auto it = position(entries, key);
        if (it != entries.end() && it->first == key) {
            it->second = std::move(value);
            return;
        }
        const auto place = it - entries.begin();
        make_room(entries);
        entries.insert(entries.begin() + place, Entry{key, std::move(value)});
        ++size_;
        if (entries.size() > page_entries_max) split(at, static_cast<std::size_t>(place));
    }

    void erase(const Key& key) {
        const std::size_t at = page_of(key);
        if (at == pages_.size() || find(key) == nullptr) return;
        auto& entries = own(at).entries;
        entries.erase(position(entries, key));
        --size_;
        if (entries.empty()) pages_.erase(pages_.begin() + static_cast<std::ptrdiff_t>(at));
    }

    void clear() {
        pages_.clear();
        size_ = 0;
    }

    std::size_t size() const { return size_; }
    bool empty() const { return size_ == 0; }

    /// Calls visit(key, value) in the order of keys.
    template <typename Visit>
    void for_each(Visit visit) const {
        for (const auto& page : pages_) {
            for (const Entry& entry : page->entries) visit(entry.first, entry.second);
        }
    }

    /// Visits from the first key not below `from` on, while visit(key, value) is true.
    template <typename From, typename Visit>
    void for_each_from(const From& from, Visit visit) const {
        const auto below = [](const Key& key, const From& bound) { return key < bound; };
        auto page = std::partition_point(pages_.begin(), pages_.end(), [&](const auto& candidate) {
            return below(candidate->entries.back().first, from);
        });
        for (; page != pages_.end(); ++page) {
            const auto& entries = (*page)->entries;
            auto it = std::partition_point(entries.begin(), entries.end(), [&](const Entry& entry) {
                return below(entry.first, from);
            });
            for (; it != entries.end(); ++it) {
                if (!visit(it->first, it->second)) return;
            }
        }
    }

private:
    static constexpr std::size_t page_entries_max = 128;

    struct Page {
        std::uint64_t generation;
        std::vector<Entry> entries;  // Sorted, never empty (but in a map without entries).
    };

    template <typename Entries>
    static auto position(Entries& entries, const Key& key) {
        return std::lower_bound(entries.begin(), entries.end(), key,
                                [](const Entry& entry, const Key& k) { return entry.first < k; });
    }

    /// The page that holds `key` or would: the first whose last key is not below it; size() if
    /// none.
    std::size_t page_of(const Key& key) const {
        const auto it = std::partition_point(pages_.begin(), pages_.end(), [&](const auto& page) {
            return !page->entries.empty() && page->entries.back().first < key;
        });
        return static_cast<std::size_t>(it - pages_.begin());
    }

    Page& own(std::size_t at) {
        auto& page = pages_[at];
        if (page->generation != generation_)
            page = std::make_shared<Page>(Page{generation_, page->entries});
        return *page;
    }

    /// For one more, and few to spare: there are many pages.
    static void make_room(std::vector<Entry>& entries) {
        if (entries.size() < entries.capacity()) return;
        entries.reserve(std::min(page_entries_max + 1, entries.size() * 5 / 4 + 4));
    }

    /// In the middle; but where the newest entry is the last (`place`), as when keys ascend, it
    /// begins the next page, so that the full ones stay full.
    void split(std::size_t at, std::size_t place) {
        auto& entries = pages_[at]->entries;
        const std::size_t left = place + 1 == entries.size() ? place : entries.size() / 2;
        const auto middle = entries.begin() + static_cast<std::ptrdiff_t>(left);
        std::vector<Entry> right(std::make_move_iterator(middle),
                                 std::make_move_iterator(entries.end()));
        entries.erase(middle, entries.end());
        entries.shrink_to_fit();
        pages_.insert(pages_.begin() + static_cast<std::ptrdiff_t>(at) + 1,
                      std::make_shared<Page>(Page{generation_, std::move(right)}));
    }

    std::vector<std::shared_ptr<Page>> pages_;
    std::size_t size_ = 0;
    std::uint64_t generation_ = 0;
};

}  // namespace tepui::master
