#pragma once

#include <functional>
#include <map>
#include <optional>
#include <string>
#include <vector>

#include "base/result.h"

namespace tepui::coord {

/// One change of one key; no value means removal. Keys are paths of printable ASCII
/// ("agents/<id>"); values are opaque bytes, at most 1 MiB (what ZooKeeper takes).
struct Write {
    std::string key;
    std::optional<std::string> value;

    bool operator==(const Write&) const = default;
};

/// A transactional key-value store. Implementations: SQLite (one machine), ZooKeeper (HA, later),
/// memory (tests).
///
/// Order and durability: batches are applied whole and in the order of commit(); `done` is called,
/// in that order, only when the batch would survive a crash of this machine. Batches that arrive
/// while one is being written are written together (group commit). After a failure every later
/// commit fails too: what is in memory and on disk may differ, so the process has to start anew.
class Store {
public:
    virtual ~Store() = default;
    /// Everything stored, at start. Fails with corrupt when the file is damaged: the text names it.
    virtual Result<std::map<std::string, std::string>> load() = 0;
    /// Begins to write; `done` runs on a thread of the store's choosing, exactly once.
    virtual void commit(std::vector<Write> writes, std::function<void(Result<void>)> done) = 0;
};

}  // namespace tepui::coord
