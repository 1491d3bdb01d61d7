#pragma once

#include <condition_variable>
#include <functional>
#include <map>
#include <memory>
#include <mutex>
#include <string>
#include <thread>
#include <vector>

#include "agent/core/oversubscription.h"
#include "base/result.h"
#include "base/time.h"
#include "resources/resources.h"

namespace tepui::agent {

/// What estimators and controllers decide by.
struct MachineUse {
    unsigned cores = 1;
    double load_1min = 0;
    double load_5min = 0;
    double load_15min = 0;
    std::vector<RevocableUse> revocable;  // Containers that hold revocable resources.
};

/// How much may be offered as revocable. Called from one thread; may block for a moment.
class ResourceEstimator {
public:
    virtual ~ResourceEstimator() = default;
    /// In all, what tasks use of it included; each with `revocable`.
    virtual Resources estimate(const MachineUse& use) = 0;
};

/// Which containers must give back what is revocable. Called from one thread; may block for a
/// moment.
class QosController {
public:
    virtual ~QosController() = default;
    struct Correction {
        ContainerId container;
        std::string why;  // For the log.
        bool operator==(const Correction&) const = default;
    };
    virtual std::vector<Correction> correct(const MachineUse& use) = 0;
};

using Parameters = std::map<std::string, std::string>;

/// By name; nothing for "noop".
/// - "fixed" (also by its name as a module of Mesos): the parameter `resources`, such as
/// "cpus:2;mem:512".
/// - "load": CPUs that nobody uses: `target` (0.8) of the machine's, without the load of the last
///   five minutes, beside what revocable tasks hold. In whole tenths, so that it is no news all the
///   time.
/// Fails with invalid_argument on another name, and on a parameter that is missing or unknown.
Result<std::unique_ptr<ResourceEstimator>> make_estimator(const std::string& name,
                                                          const Parameters& parameters);

/// By name; nothing for "noop".
/// - "load" (also by its name as a module of Mesos): when the load of the machine is above
///   `load_threshold_5min` or `load_threshold_15min`, whichever is given, every revocable container
///   goes.
Result<std::unique_ptr<QosController>> make_qos_controller(const std::string& name,
                                                           const Parameters& parameters);

struct OversubscriptionOptions {
    std::string estimator = "noop";
    Parameters estimator_parameters;
    std::string controller = "noop";
    Parameters controller_parameters;
    Duration estimate_interval = std::chrono::seconds{15};
    Duration correction_interval_min{};  // At least one second.
};

/// Asks both from time to time, on a thread of its own, and posts what they say.
class Oversubscription {
public:
    struct Parts {
        std::unique_ptr<ResourceEstimator> estimator;                    // Null: none.
        std::unique_ptr<QosController> controller;                       // Null: none.
        std::function<std::optional<std::vector<RevocableUse>>()> uses;  // Nothing: try later.
        std::function<void(Event)> post;
    };
    Oversubscription(const OversubscriptionOptions& options, Parts parts);

private:
    void run(const std::stop_token& stop);
    void estimate(const MachineUse& use);
    void correct(const MachineUse& use);

    const Duration estimate_interval_;
    const Duration correction_interval_;
    Parts parts_;
    std::mutex mutex_;
    std::condition_variable_any changed_;
    std::jthread thread_;  // Last: it uses the others.
};

}  // namespace tepui::agent
