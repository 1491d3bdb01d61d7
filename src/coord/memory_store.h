#pragma once

#include <deque>
#include <mutex>

#include "coord/store.h"

namespace tepui::coord {

/// A Store that forgets with the process: for tests and for throw-away clusters.
class MemoryStore final : public Store {
public:
    /// at_once: `done` runs inside commit(). manual: it waits for complete_next(), so that a test
    /// can look at what happens before a write is durable.
    enum class Completion : std::uint8_t { at_once, manual };

    explicit MemoryStore(std::map<std::string, std::string> contents = {},
                         Completion completion = Completion::at_once)
        : completion_(completion), contents_(std::move(contents)) {}

    Result<std::map<std::string, std::string>> load() override;
    void commit(std::vector<Write> writes, std::function<void(Result<void>)> done) override;

    /// Applies the oldest waiting batch and runs its `done`; false when none waits.
    bool complete_next();
    /// Fails every waiting batch and, as a broken disk would, every later one.
    void break_down(Error error);

    std::size_t pending() const;
    std::map<std::string, std::string> contents() const;

private:
    struct Batch {
        std::vector<Write> writes;
        std::function<void(Result<void>)> done;
    };

    const Completion completion_;
    mutable std::mutex mutex_;
    std::map<std::string, std::string> contents_;
    std::deque<Batch> waiting_;
    std::optional<Error> broken_;
};

}  // namespace tepui::coord
