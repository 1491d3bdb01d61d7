#include "coord/memory_store.h"

namespace tepui::coord {

Result<std::map<std::string, std::string>> MemoryStore::load() {
    const std::scoped_lock lock(mutex_);
    if (broken_) return std::unexpected(*broken_);
    return contents_;
}

void MemoryStore::commit(std::vector<Write> writes, std::function<void(Result<void>)> done) {
    std::optional<Error> broken;
    {
        const std::scoped_lock lock(mutex_);
        broken = broken_;
        if (!broken) waiting_.push_back(Batch{std::move(writes), std::move(done)});
    }
    if (broken) return done(std::unexpected(*broken));
    if (completion_ == Completion::at_once) complete_next();
}

bool MemoryStore::complete_next() {
    Batch batch;
    {
        const std::scoped_lock lock(mutex_);
        if (waiting_.empty()) return false;
        batch = std::move(waiting_.front());
        waiting_.pop_front();
        for (Write& write : batch.writes) {
            if (write.value) {
                contents_.insert_or_assign(std::move(write.key), std::move(*write.value));
            } else {
                contents_.erase(write.key);
            }
        }
    }
    batch.done({});
    return true;
}

void MemoryStore::break_down(Error error) {
    std::deque<Batch> failed;
    {
        const std::scoped_lock lock(mutex_);
        broken_ = error;
        failed.swap(waiting_);
    }
    for (Batch& batch : failed) batch.done(std::unexpected(error));
}

std::size_t MemoryStore::pending() const {
    const std::scoped_lock lock(mutex_);
    return waiting_.size();
}

std::map<std::string, std::string> MemoryStore::contents() const {
    const std::scoped_lock lock(mutex_);
    return contents_;
}

}  // namespace tepui::coord
