// The launch path: sandbox and URIs on a worker, record, image, container, start. A crash after any
// of the steps leaves only what recover() finds by the record and by the labels.

#include <filesystem>
#include <utility>

#include <boost/asio/co_spawn.hpp>
#include <boost/asio/use_awaitable.hpp>

#include "containerizer/docker/docker_containerizer.h"
#include "containerizer/docker/registry_auth.h"

namespace tepui::containerizer::docker {
namespace {

constexpr Duration k_ping_timeout = 5s;
constexpr Duration k_pause = 200ms;
constexpr Duration k_removal_pause_max = 30s;
constexpr int k_start_attempts = 3;
constexpr std::size_t k_pulls_kept_max = 1'000;
constexpr std::chrono::seconds k_log_interval{5};

using Prepare = std::function<std::expected<Prepared, LaunchError>()>;
using PreparedPtr = std::shared_ptr<std::expected<Prepared, LaunchError>>;

asio::awaitable<void> run_blocking(Prepare work, PreparedPtr out) {
    *out = work();
    co_return;
}

std::unexpected<LaunchError> no_launch(const Error& error) {
    return std::unexpected(LaunchError{error, false});
}

/// How far a pull is, for the log.
class Progress {
public:
    explicit Progress(std::string image) : image_(std::move(image)) {}
    /// A line for the log, or nothing: not more than one in a while.
    std::string take(const PullLine& line) {
        if (line.total > 0) layers_[line.layer] = {line.current, line.total};
        const auto now = std::chrono::steady_clock::now();
        if (layers_.empty() || now - said_ < k_log_interval) return {};
        said_ = now;
        std::uint64_t current = 0;
        std::uint64_t total = 0;
        for (const auto& [layer, bytes] : layers_) {
            current += bytes.first;
            total += bytes.second;
        }
        return fmt::format("pulling the Docker image '{}': {} of {} MB of {} layers", image_,
                           current >> 20, total >> 20, layers_.size());
    }

private:
    const std::string image_;
    std::map<std::string, std::pair<std::uint64_t, std::uint64_t>> layers_;  // Bytes.
    std::chrono::steady_clock::time_point said_ = std::chrono::steady_clock::now();
};

/// The Engine may have done it, and only its answer was lost.
bool answer_lost(const Error& error) {
    return error.code == Errc::io || error.code == Errc::timeout || error.code == Errc::unavailable;
}

}  // namespace

asio::awaitable<void> DockerContainerizer::run_launch(Shared container, LaunchSpec spec) {
    Launched launched = co_await try_launch(container, spec);
    if (launched) co_return;
    containers_.erase(container->id);
    container->phase = Phase::ended;
    container->logs.reset();
    std::error_code ignored;
    std::filesystem::remove_all(container->record, ignored);
    LaunchError error = std::move(launched).error();
    if (container->cancelled) error.error = {Errc::cancelled, "the launch was cancelled"};
    std::exchange(container->started, nullptr)(std::unexpected(std::move(error)));
}

asio::awaitable<DockerContainerizer::Launched> DockerContainerizer::try_launch(Shared container,
                                                                               LaunchSpec& spec) {
    const Result<CreatePlan> plan = plan_create(spec, context(spec));
    if (!plan) co_return no_launch(plan.error());
    const Launched prepared = co_await prepare(container, spec, *plan);
    if (!prepared) co_return prepared;
    const Result<void> awaited = co_await await_engine(container->launching);
    if (!awaited) co_return no_launch(awaited.error());
    const Result<void> image = co_await ensure_image(container, *plan);
    if (!image) co_return no_launch(image.error());
    // From here on something may be there.
    const Result<void> created = co_await create(container, *plan);
    Result<Inspected> started = created ? Result<Inspected>(Inspected{})
                                        : Result<Inspected>(std::unexpected(created.error()));
    if (created) started = co_await start(container);
    if (!started) {
        spawn(remove_surely(container->name, 0s));
        co_return no_launch(started.error());
    }
    begin_running(container, *started);
    co_return Launched{};
}

asio::awaitable<DockerContainerizer::Launched> DockerContainerizer::prepare(
    Shared container, const LaunchSpec& spec, const CreatePlan& plan) {
    const auto out = std::make_shared<std::expected<Prepared, LaunchError>>();
    Prepare work = [this, container, spec, paths = plan.sandbox_paths] {
        return prepare_sandbox(options_, spec, paths, container->cancelled);
    };
    asio::awaitable<void> blocking = run_blocking(std::move(work), out);
    co_await asio::co_spawn(blocking_, std::move(blocking), asio::use_awaitable);
    if (!spec.command.uris().empty() && (*out || !out->error().sandbox_failed))
        ++(*out ? fetches_succeeded_ : fetches_failed_);
    if (!*out) co_return std::unexpected(out->error());
    Prepared& prepared = **out;
    const Result<LogLimits> logs = log_limits_of(options_, spec.command);
    if (!logs) co_return no_launch(logs.error());
    Record record{container->id.value, container->sandbox, -1, -1, *logs};
    if (prepared.user) {
        record.uid = prepared.user->uid;
        record.gid = prepared.user->gid;
    }
    // What a former container of this id left says nothing of this one.
    std::error_code ignored;
    std::filesystem::remove_all(container->record, ignored);
    if (const Result<void> wrote = write_record(container->record, record); !wrote)
        co_return no_launch(wrote.error());
    if (const Result<void> opened = open_logs(*container, record); !opened)
        co_return no_launch(opened.error());
    if (container->cancelled) co_return no_launch({Errc::cancelled, "the launch was cancelled"});
    co_return Launched{};
}

/// An Engine that is being restarted is waited for.
asio::awaitable<Result<void>> DockerContainerizer::await_engine(StopPtr stop) {
    const auto until = std::chrono::steady_clock::now() + options_.docker.call_timeout;
    for (;;) {
        const Result<void> answered = co_await engine_.ping(k_ping_timeout, stop);
        if (answered || !answer_lost(answered.error())) co_return answered;
        if (std::chrono::steady_clock::now() >= until) co_return answered;
        co_await pause(io_, k_pause, stop);
    }
}

asio::awaitable<Result<void>> DockerContainerizer::ensure_image(Shared container,
                                                                const CreatePlan& plan) {
    if (!plan.force_pull) {
        const Result<bool> there = co_await engine_.has_image(plan.image, container->launching);
        if (!there) co_return std::unexpected(there.error());
        if (*there) co_return Result<void>{};
    }
    Result<std::string> auth = registry_auth(options_.images.docker_config, plan.image);
    if (!auth) co_return std::unexpected(auth.error());
    const auto began = std::chrono::steady_clock::now();
    const auto told = [this,
                       progress = std::make_shared<Progress>(plan.image)](const PullLine& line) {
        const std::string text = progress->take(line);
        if (!text.empty()) log(text);
    };
    const Result<void> pulled =
        co_await engine_.pull(plan.image, std::move(*auth), told, container->launching);
    if (!pulled) {
        const auto context = fmt::format("cannot pull the image '{}'", plan.image);
        co_return fail_with(context, pulled.error());
    }
    const std::chrono::duration<double, std::milli> took = std::chrono::steady_clock::now() - began;
    log(fmt::format("pulled the Docker image '{}' in {:.0f} ms", plan.image, took.count()));
    const std::lock_guard lock(mutex_);
    pulls_ms_.push_back(took.count());
    if (pulls_ms_.size() > k_pulls_kept_max) pulls_ms_.pop_front();
    co_return Result<void>{};
}

asio::awaitable<Result<void>> DockerContainerizer::create(Shared container,
                                                          const CreatePlan& plan) {
    const std::string body = encode_settings(plan.settings);
    for (int attempt = 0;; ++attempt) {
        const Result<std::string> id =
            co_await engine_.create(plan.name, body, container->launching);
        if (id) {
            container->engine_id = *id;
            co_return Result<void>{};
        }
        // The name is taken: by a try whose answer was lost, or by what is left of a former agent.
        const bool again = id.error().code == Errc::conflict || answer_lost(id.error());
        if (!again || attempt + 1 == k_start_attempts) co_return std::unexpected(id.error());
        const Result<void> awaited = co_await await_engine(container->launching);
        if (!awaited) co_return awaited;
        const Result<void> removed = co_await engine_.remove(plan.name, container->launching);
        if (!removed && !answer_lost(removed.error())) co_return removed;
    }
}

asio::awaitable<Result<Inspected>> DockerContainerizer::start(Shared container) {
    for (int attempt = 0;; ++attempt) {
        const Result<void> started =
            co_await engine_.start(container->engine_id, container->launching);
        const bool lost = !started && answer_lost(started.error());
        if (!started && !lost) co_return std::unexpected(started.error());
        if (lost) {
            const Result<void> awaited = co_await await_engine(container->launching);
            if (!awaited) co_return std::unexpected(started.error());
        }
        Result<Inspected> now =
            co_await engine_.inspect(container->engine_id, container->launching);
        if (now && now->status != "created") co_return now;
        if (now && !started && !now->error.empty())
            co_return fail(Errc::io, "the Docker Engine: {}", now->error);
        if (now && !started) now = std::unexpected(started.error());
        const bool hopeless = !now && !answer_lost(now.error());
        if (hopeless || attempt + 1 == k_start_attempts) co_return now;
    }
}

void DockerContainerizer::begin_running(const Shared& container, const Inspected& inspected) {
    container->phase = Phase::running;
    container->stop_signal = inspected.stop_signal;
    set_pid(container, inspected.pid);
    Started started{inspected.pid, status_of(inspected), data_of(inspected)};
    std::exchange(container->started, nullptr)(std::move(started));
    spawn(follow(container));
    for (const int signal : std::exchange(container->signals_waiting, {}))
        signal_here(container->id, signal);
    // Its end may have been told before anybody could know that it began.
    if (!inspected.running) spawn(finish(container));
}

asio::awaitable<void> DockerContainerizer::remove_surely(std::string engine_id, Duration delay) {
    if (!removing_.insert(engine_id).second) co_return;
    if (delay > 0s) co_await pause(io_, delay, stop_);
    for (Duration between = k_pause;; between = std::min(2 * between, k_removal_pause_max)) {
        const Result<void> removed = co_await engine_.remove(engine_id, stop_);
        if (removed) break;
        if (removed.error().code == Errc::cancelled) break;
        // 409: another removal is under way, and is looked at again.
        if (!answer_lost(removed.error()) && removed.error().code != Errc::conflict) {
            ++destroy_errors_;
            if (between >= k_removal_pause_max) break;
        }
        co_await pause(io_, between, stop_);
    }
    removing_.erase(engine_id);
}

}  // namespace tepui::containerizer::docker
