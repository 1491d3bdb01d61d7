#pragma once

#include <string>
#include <vector>

#include "base/result.h"
#include "bench/load/figures.h"

namespace tepui::bench {

/// The least that a container costs on this machine: cgroups for cpu, memory and pids with one
/// limit each, a vfork-like clone into new pid and mount namespaces that joins them, the exec of a
/// program, its end, and the cgroups' removal. No sandbox, no log, no supervisor, no record of it.
class Floor {
public:
    struct Times {
        double exec_us = 0;  // From nothing to a program that runs.
        double wait_us = 0;  // To its end; includes exec_us.
        double gone_us = 0;  // To the removal of its cgroups; includes wait_us.
    };

    /// Makes cgroups named `name`, which run()'s are in. Needs root.
    static Result<Floor> make(const std::string& name, std::string program);
    Floor(Floor&& other) noexcept = default;
    Floor& operator=(Floor&&) = delete;
    ~Floor();

    /// Blocks. `serial` is unique among runs at the same time; any thread.
    Result<Times> run(unsigned serial) const;
    /// Up and down `count` times on `threads` threads; containers a second.
    Result<double> rate(unsigned count, unsigned threads) const;

private:
    struct Group {
        std::string root;
        std::vector<std::pair<std::string, std::string>> limits;  // File and value.
    };
    explicit Floor(std::string program) : program_(std::move(program)) {}

    std::string program_;
    std::vector<Group> groups_;
};

}  // namespace tepui::bench
