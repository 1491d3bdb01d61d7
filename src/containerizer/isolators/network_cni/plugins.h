#pragma once

#include <atomic>
#include <string>
#include <vector>

#include "base/result.h"
#include "base/time.h"
#include "containerizer/isolators/network_cni/attachment.h"
#include "containerizer/isolators/network_cni/cni_result.h"

namespace tepui::containerizer::cni {

/// The programs that make networks, found in folders and run beside the agent.
class Plugins {
public:
    /// `directories`: absolute, searched in this order. `time_max`: of one run of one plugin.
    /// `patience`: how long one may still take that attaches for a launch which was cancelled.
    explicit Plugins(std::vector<std::string> directories, Duration time_max = 60s,
                     Duration patience = 5s)
        : directories_(std::move(directories)), time_max_(time_max), patience_(patience) {}

    /// The program of that name. Fails with not_found, naming the folders.
    Result<std::string> find(const std::string& type) const;
    bool has(const std::string& type) const { return find(type).has_value(); }
    /// The first of the folders with any program in it; empty: there is none.
    std::string first_filled() const;

    /// Puts `container`, whose network namespace is at the path `space`, into a network: each
    /// plugin of the chain in turn. Blocks. `attachment.result` is what the last one that was done
    /// said; what had been made when one fails, detach() takes back with it. Each has the
    /// descriptor `held` open while it works, and may outlive this process.
    Result<void> attach(Attachment& attachment, const std::string& container,
                        const std::string& space, int held,
                        const std::atomic<bool>* cancelled) const;

    /// Takes it out again, last plugin first; content with what is gone, and with a `space` that
    /// is. Every plugin is called whatever the others say, and again when it fails; the first error
    /// is told.
    Result<void> detach(const Attachment& attachment, const std::string& container,
                        const std::string& space) const;

private:
    struct Run {
        const char* command;
        const std::string& container;
        const std::string& space;
        int held = -1;
        const std::atomic<bool>* cancelled = nullptr;
    };
    Result<std::string> run(const PluginPlan& plugin, const Attachment& attachment, const Run& run,
                            const std::string& previous) const;

    const std::vector<std::string> directories_;
    const Duration time_max_;
    const Duration patience_;
};

}  // namespace tepui::containerizer::cni
