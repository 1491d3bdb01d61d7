#include "containerizer/fetcher/cache.h"

#include <fcntl.h>
#include <stdlib.h>
#include <sys/file.h>
#include <sys/stat.h>
#include <unistd.h>

#include <algorithm>
#include <chrono>
#include <filesystem>
#include <thread>

#include "containerizer/beneath.h"

namespace tepui::containerizer::fetcher {
namespace {

constexpr std::string_view k_file_prefix = "c-";
constexpr std::string_view k_temporary_prefix = "t-";
constexpr std::size_t k_records_max = 10'000;  // What is empty needs no room, but memory.
constexpr auto k_look_every = std::chrono::milliseconds(50);

/// Only what a cache makes: the flag may name a directory with other things in it.
void remove_leftovers(const std::string& directory) {
    std::error_code error;
    std::vector<std::filesystem::path> leftovers;
    for (const auto& entry : std::filesystem::directory_iterator(directory, error)) {
        const std::string name = entry.path().filename().string();
        if (name.starts_with(k_file_prefix) || name.starts_with(k_temporary_prefix))
            leftovers.push_back(entry.path());
    }
    for (const auto& path : leftovers) std::filesystem::remove_all(path, error);
}

/// Nobody answered, as opposed to an answer that it is not to be had.
constexpr std::chrono::milliseconds k_lock_patience{3'000};

bool is_silence(const Error& error) {
    return error.code == Errc::io || error.code == Errc::unavailable || error.code == Errc::timeout;
}

/// An agent that was killed lets go when the last process is gone that it had begun to make.
bool lock_within(int file, std::chrono::milliseconds patience) {
    const auto deadline = std::chrono::steady_clock::now() + patience;
    while (::flock(file, LOCK_EX | LOCK_NB) != 0) {
        if (errno != EWOULDBLOCK || std::chrono::steady_clock::now() >= deadline) return false;
        std::this_thread::sleep_for(std::chrono::milliseconds(5));
    }
    return true;
}

}  // namespace

Result<std::unique_ptr<Cache>> Cache::open(const std::string& directory, std::uint64_t bytes_max,
                                           Counters& counters) {
    std::unique_ptr<Cache> cache(new Cache(directory, bytes_max, counters));
    if (const Result<void> taken = cache->take_directory(); !taken)
        return fail_with("the fetcher's cache", taken.error());
    return cache;
}

Result<void> Cache::take_directory() {
    const Descriptor directory = TEPUI_TRY(make_trusted_directory(directory_, 0700));
    struct stat stat{};
    if (::fstat(directory.get(), &stat) != 0 || stat.st_uid != ::geteuid())
        return fail(Errc::denied, "'{}' belongs to another user; give an own --fetcher_cache_dir",
                    directory_);
    if (::fchmod(directory.get(), 0700) != 0)
        return fail(Errc::io, "cannot set the mode of '{}': {}", directory_, errno_text());
    lock_ = TEPUI_TRY(open_beneath(directory.get(), "lock", O_RDWR | O_CREAT | O_NOFOLLOW, 0600));
    if (!lock_within(lock_.get(), k_lock_patience))
        return fail(Errc::conflict,
                    "'{}' is in use by another agent; give each an own --fetcher_cache_dir",
                    directory_);
    remove_leftovers(directory_);
    return {};
}

std::uint64_t Cache::bytes_used() const {
    const std::lock_guard lock(mutex_);
    return used_;
}

Result<std::string> Cache::make_temporary() const {
    std::string path = directory_ + "/" + std::string(k_temporary_prefix) + "XXXXXX";
    if (::mkdtemp(path.data()) == nullptr)
        return fail(Errc::io, "cannot make a directory in '{}': {}", directory_, errno_text());
    return path;
}

std::shared_ptr<Cache::Record> Cache::find(const std::string& key) {
    const auto found = by_key_.find(key);
    if (found == by_key_.end()) return nullptr;
    records_.splice(records_.end(), records_, found->second);
    return *found->second;
}

void Cache::remove(const std::shared_ptr<Record>& record) {
    if (record->forgotten) return;
    record->forgotten = true;
    const auto found = by_key_.find(record->key);
    records_.erase(found->second);
    by_key_.erase(found);
    ::unlink(record->path.c_str());
    if (record->users == 0) used_ -= record->bytes;
}

void Cache::unpin(const std::shared_ptr<Record>& record) {
    const std::lock_guard lock(mutex_);
    if (--record->users == 0 && record->forgotten) used_ -= record->bytes;
}

void Cache::forget(const Use& use) {
    const std::lock_guard lock(mutex_);
    remove(use.record_);
}

bool Cache::make_room(std::uint64_t bytes) {
    if (bytes > bytes_max_) return false;
    while (used_ > bytes_max_ - bytes || records_.size() > k_records_max) {
        const auto idle = std::ranges::find_if(
            records_, [](const std::shared_ptr<Record>& record) { return record->users == 0; });
        if (idle == records_.end()) return false;
        remove(std::shared_ptr<Record>(*idle));
    }
    return true;
}

/// Something newer comes: what was there is not needed any more, and may be in its way.
Result<void> Cache::grow(Attempt& attempt, std::uint64_t bytes) {
    if (attempt.old) forget(*attempt.old);
    attempt.old.reset();
    const std::lock_guard lock(mutex_);
    if (bytes <= attempt.reserved) return {};
    const std::uint64_t more = bytes - attempt.reserved;
    if (!make_room(more)) {
        attempt.no_room = true;
        return fail(Errc::too_large, "the cache has no room for it");
    }
    used_ += more;
    attempt.reserved = bytes;
    return {};
}

void Cache::release(Attempt& attempt) {
    const std::lock_guard lock(mutex_);
    used_ -= std::exchange(attempt.reserved, 0);
}

/// A pin, when the file is the one that was kept; nothing when it is not.
Result<Cache::Pinned> Cache::use(const std::shared_ptr<Record>& record) {
    {
        const std::lock_guard lock(mutex_);
        ++record->users;
    }
    Descriptor file(::open(record->path.c_str(), O_RDONLY | O_CLOEXEC | O_NOFOLLOW));
    struct stat stat{};
    const bool whole = file && ::fstat(file.get(), &stat) == 0 && stat.st_ino == record->inode &&
                       static_cast<std::uint64_t>(stat.st_size) == record->bytes &&
                       stat.st_ctim.tv_sec == record->changed.tv_sec &&
                       stat.st_ctim.tv_nsec == record->changed.tv_nsec;
    if (whole) return std::make_unique<const Use>(*this, record, std::move(file));
    const std::lock_guard lock(mutex_);
    remove(record);
    if (--record->users == 0) used_ -= record->bytes;
    return Pinned();
}

Result<Cache::Pinned> Cache::get(const std::string& key, const Fill& fill,
                                 const std::atomic<bool>& cancelled) {
    std::unique_lock lock(mutex_);
    bool waited = false;
    for (auto it = filling_.find(key); it != filling_.end(); it = filling_.find(key)) {
        const std::shared_ptr<Filling> other = it->second;
        while (!other->done) {
            if (cancelled.load()) return fail(Errc::cancelled, "the launch was cancelled");
            filled_.wait_for(lock, k_look_every);
        }
        if (other->unkept) return Pinned();
        if (!other->error) {
            waited = true;
            break;
        }
        if (other->error->code != Errc::cancelled) return std::unexpected(*other->error);
    }
    const std::shared_ptr<Record> found = find(key);
    // One that was asked for while we waited is as new as can be.
    if (found && (waited || !found->validators.any())) {
        lock.unlock();
        Pinned pinned = TEPUI_TRY(use(found));
        if (pinned) {
            ++counters_.cache_hits;
            return pinned;
        }
        return get(key, fill, cancelled);
    }
    const auto filling = std::make_shared<Filling>();
    if (!filling_.emplace(key, filling).second) {
        lock.unlock();
        return get(key, fill, cancelled);
    }
    lock.unlock();
    Result<Pinned> result = this->fill(key, found, fill);
    lock.lock();
    filling_.erase(key);
    filling->done = true;
    filling->unkept = result && *result == nullptr;
    if (!result) filling->error = result.error();
    lock.unlock();
    filled_.notify_all();
    return result;
}

Result<Cache::Pinned> Cache::fill(const std::string& key, const std::shared_ptr<Record>& old,
                                  const Fill& fill) {
    Attempt attempt;
    if (old) attempt.old = TEPUI_TRY(use(old));
    const Validators known = attempt.old ? old->validators : Validators{};
    std::string path;
    {
        const std::lock_guard lock(mutex_);
        path = fmt::format("{}/{}{}", directory_, k_file_prefix, number_++);
    }
    const Descriptor file(::open(path.c_str(), O_RDWR | O_CREAT | O_EXCL | O_CLOEXEC, 0600));
    if (!file) return Pinned();
    const Result<Filled> filled =
        fill(file.get(), known, [&](std::uint64_t bytes) { return grow(attempt, bytes); });
    if (filled && !filled->not_modified)
        return keep(key, path, file.get(), attempt, filled->validators);
    ::unlink(path.c_str());
    release(attempt);
    if (attempt.old && (filled || is_silence(filled.error()))) {
        ++counters_.cache_hits;
        return std::move(attempt.old);
    }
    if (attempt.no_room) return Pinned();
    if (filled) return fail(Errc::io, "the server told of no change since nothing");
    if (attempt.old) forget(*attempt.old);
    return std::unexpected(filled.error());
}

Result<Cache::Pinned> Cache::keep(const std::string& key, const std::string& path, int fd,
                                  Attempt& attempt, Validators validators) {
    struct stat stat{};
    if (::fstat(fd, &stat) != 0 || !grow(attempt, static_cast<std::uint64_t>(stat.st_size))) {
        ::unlink(path.c_str());
        release(attempt);
        return Pinned();
    }
    ++counters_.cache_misses;
    const auto record = std::make_shared<Record>();
    record->key = key;
    record->path = path;
    record->bytes = attempt.reserved;
    record->inode = stat.st_ino;
    record->changed = stat.st_ctim;
    record->validators = std::move(validators);
    {
        const std::lock_guard lock(mutex_);
        if (const std::shared_ptr<Record> before = find(key)) remove(before);
        by_key_[key] = records_.insert(records_.end(), record);
    }
    return use(record);
}

}  // namespace tepui::containerizer::fetcher
