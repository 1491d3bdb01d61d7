#include "agent/oversubscription.h"

#include <stdlib.h>
#include <unistd.h>

#include <algorithm>
#include <charconv>
#include <cmath>
#include <set>

namespace tepui::agent {
namespace {

using std::chrono::steady_clock;

Resources revocable_of(const MachineUse& use) {
    Resources sum;
    for (const RevocableUse& each : use.revocable)
        if (auto parsed = Resources::parse(each.resources)) sum += parsed->unallocated();
    return sum;
}

Result<Resources> parse_revocable(const std::string& text) {
    ResourceList list = TEPUI_TRY(Resources::parse_flag(text)).to_proto();
    for (mesos::v1::Resource& resource : list) resource.mutable_revocable();
    return Resources::parse(list);
}

Result<double> positive(const std::string& name, const std::string& text) {
    double value = 0;
    const auto [end, error] = std::from_chars(text.data(), text.data() + text.size(), value);
    if (error != std::errc{} || end != text.data() + text.size() || !(value > 0) ||
        std::isinf(value))
        return fail(Errc::invalid_argument, "the parameter {}: '{}' is not a number above 0", name,
                    text);
    return value;
}

Result<void> only_known(const Parameters& parameters, const std::set<std::string>& known) {
    for (const auto& [name, value] : parameters)
        if (!known.contains(name))
            return fail(Errc::invalid_argument, "there is no parameter '{}'", name);
    return {};
}

class FixedEstimator final : public ResourceEstimator {
public:
    explicit FixedEstimator(Resources total) : total_(std::move(total)) {}
    Resources estimate(const MachineUse&) override { return total_; }

private:
    const Resources total_;
};

class LoadEstimator final : public ResourceEstimator {
public:
    explicit LoadEstimator(double target) : target_(target) {}
    Resources estimate(const MachineUse& use) override {
        const double held = revocable_of(use).scalar("cpus").to_double();
        const double idle = std::max(0.0, target_ * use.cores - use.load_5min);
        const double total = std::min(held + idle, std::max<double>(use.cores, held));
        const double tenths = std::floor(total * 10 + 1e-9) / 10;
        if (tenths <= 0) return {};
        return parse_revocable(fmt::format("cpus:{:.1f}", tenths)).value_or(Resources{});
    }

private:
    const double target_;
};

class LoadController final : public QosController {
public:
    LoadController(std::optional<double> most_5min, std::optional<double> most_15min)
        : most_5min_(most_5min), most_15min_(most_15min) {}
    std::vector<Correction> correct(const MachineUse& use) override {
        const bool high = (most_5min_ && use.load_5min > *most_5min_) ||
                          (most_15min_ && use.load_15min > *most_15min_);
        std::vector<Correction> corrections;
        if (!high) return corrections;
        for (const RevocableUse& each : use.revocable)
            corrections.push_back(
                {each.container, fmt::format("the load is {:.2f} (5 minutes), {:.2f} (15 minutes)",
                                             use.load_5min, use.load_15min)});
        return corrections;
    }

private:
    const std::optional<double> most_5min_;
    const std::optional<double> most_15min_;
};

MachineUse measure(std::vector<RevocableUse> revocable) {
    MachineUse use;
    use.cores = static_cast<unsigned>(std::max(1L, ::sysconf(_SC_NPROCESSORS_ONLN)));
    double loads[3] = {};
    if (::getloadavg(loads, 3) == 3) {
        use.load_1min = loads[0];
        use.load_5min = loads[1];
        use.load_15min = loads[2];
    }
    use.revocable = std::move(revocable);
    return use;
}

}  // namespace

Result<std::unique_ptr<ResourceEstimator>> make_estimator(const std::string& name,
                                                          const Parameters& parameters) {
    std::unique_ptr<ResourceEstimator> made;
    if (name == "noop") {
        TEPUI_CHECK_OK(only_known(parameters, {}));
    } else if (name == "fixed" || name == "org_apache_mesos_FixedResourceEstimator") {
        TEPUI_CHECK_OK(only_known(parameters, {"resources"}));
        const auto it = parameters.find("resources");
        if (it == parameters.end())
            return fail(Errc::invalid_argument,
                        "the estimator '{}' needs the parameter resources, such as cpus:2", name);
        made = std::make_unique<FixedEstimator>(TEPUI_TRY(parse_revocable(it->second)));
    } else if (name == "load") {
        TEPUI_CHECK_OK(only_known(parameters, {"target"}));
        const auto it = parameters.find("target");
        const double target =
            it == parameters.end() ? 0.8 : TEPUI_TRY(positive("target", it->second));
        made = std::make_unique<LoadEstimator>(target);
    } else {
        return fail(Errc::invalid_argument,
                    "there is no estimator '{}'; there are noop, fixed and load", name);
    }
    return made;
}

Result<std::unique_ptr<QosController>> make_qos_controller(const std::string& name,
                                                           const Parameters& parameters) {
    std::unique_ptr<QosController> made;
    if (name == "noop") {
        TEPUI_CHECK_OK(only_known(parameters, {}));
        return made;
    }
    if (name != "load" && name != "org_apache_mesos_LoadQoSController")
        return fail(Errc::invalid_argument, "there is no controller '{}'; there are noop and load",
                    name);
    TEPUI_CHECK_OK(only_known(parameters, {"load_threshold_5min", "load_threshold_15min"}));
    std::optional<double> thresholds[2];
    const char* names[] = {"load_threshold_5min", "load_threshold_15min"};
    for (std::size_t i = 0; i < 2; ++i)
        if (const auto it = parameters.find(names[i]); it != parameters.end())
            thresholds[i] = TEPUI_TRY(positive(names[i], it->second));
    if (!thresholds[0] && !thresholds[1])
        return fail(Errc::invalid_argument,
                    "the controller '{}' needs the parameter load_threshold_5min or "
                    "load_threshold_15min",
                    name);
    made = std::make_unique<LoadController>(thresholds[0], thresholds[1]);
    return made;
}

Oversubscription::Oversubscription(const OversubscriptionOptions& options, Parts parts)
    : estimate_interval_(options.estimate_interval),
      correction_interval_(std::max<Duration>(options.correction_interval_min, 1s)),
      parts_(std::move(parts)) {
    if (parts_.estimator || parts_.controller)
        thread_ = std::jthread([this](const std::stop_token& stop) { run(stop); });
}

void Oversubscription::run(const std::stop_token& stop) {
    auto estimate_due = steady_clock::now();
    auto correction_due = steady_clock::now();
    std::unique_lock lock(mutex_);
    while (!stop.stop_requested()) {
        const auto now = steady_clock::now();
        const bool estimating = parts_.estimator && now >= estimate_due;
        const bool correcting = parts_.controller && now >= correction_due;
        if (estimating) estimate_due = now + estimate_interval_;
        if (correcting) correction_due = now + correction_interval_;
        lock.unlock();
        if (estimating || correcting) {
            if (auto uses = parts_.uses()) {
                const MachineUse use = measure(std::move(*uses));
                if (estimating) estimate(use);
                if (correcting) correct(use);
            } else {
                estimate_due = correction_due = now + std::min<Duration>(estimate_interval_, 1s);
            }
        }
        lock.lock();
        auto next = steady_clock::time_point::max();
        if (parts_.estimator) next = std::min(next, estimate_due);
        if (parts_.controller) next = std::min(next, correction_due);
        changed_.wait_until(lock, stop, next, [&] { return stop.stop_requested(); });
    }
}

void Oversubscription::estimate(const MachineUse& use) {
    parts_.post(OversubscriptionEstimated{parts_.estimator->estimate(use).to_proto()});
}

void Oversubscription::correct(const MachineUse& use) {
    for (QosController::Correction& correction : parts_.controller->correct(use))
        parts_.post(ContainerPreempted{correction.container, std::move(correction.why)});
}

}  // namespace tepui::agent
