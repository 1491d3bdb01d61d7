#include "master/routes/reader.h"

#include "daemon/on_worker.h"

namespace tepui::master {

asio::awaitable<Result<Body>> Reader::shared_body(
    std::string name, std::function<std::string(const Snapshot&)> render) {
    auto snapshot = co_await hub_.current();
    std::function<Result<Body>()> work = [snapshot, name, render]() -> Result<Body> {
        return snapshot->body(name, [&] { return render(*snapshot); });
    };
    co_return co_await daemon::on_worker(workers_, std::move(work));
}

asio::awaitable<Result<Body>> Reader::own_body(std::function<std::string(const Snapshot&)> render) {
    auto snapshot = co_await hub_.current();
    std::function<Result<Body>()> work = [snapshot, render]() -> Result<Body> {
        return std::make_shared<const std::string>(render(*snapshot));
    };
    co_return co_await daemon::on_worker(workers_, std::move(work));
}

asio::awaitable<Result<Body>> Reader::asked_body(
    std::function<Result<Rendering>(const State&, Now)> question) {
    Result<Rendering> rendering = fail(Errc::unavailable, "the master is about to end");
    co_await hub_.ask([&](const State& state) { rendering = question(state, clock_.now()); });
    if (!rendering) co_return std::unexpected(rendering.error());
    std::function<Result<Body>()> work = [&rendering]() -> Result<Body> {
        return std::make_shared<const std::string>((*rendering)());
    };
    co_return co_await daemon::on_worker(workers_, std::move(work));
}

asio::awaitable<Result<Body>> Reader::work(std::function<Result<std::string>()> work) {
    std::function<Result<Body>()> wrapped = [work]() -> Result<Body> {
        return std::make_shared<const std::string>(TEPUI_TRY(work()));
    };
    co_return co_await daemon::on_worker(workers_, std::move(wrapped));
}

asio::awaitable<std::map<std::string, double>> Reader::metrics() {
    auto numbers = co_await hub_.numbers();
    if (!measures_frameworks_) numbers.frameworks.clear();
    auto snapshot = co_await hub_.current();
    MetricsInput input{std::move(snapshot), std::move(numbers), loop_.stats(), clock_.now().wall};
    std::map<std::string, double> metrics;
    std::function<Result<Body>()> work = [&metrics, &input]() -> Result<Body> {
        metrics = collect_metrics(input);
        return Body{};
    };
    const auto done = co_await daemon::on_worker(workers_, std::move(work));
    if (!done) metrics.clear();
    for (const auto& measure : measures_) measure(metrics);
    co_return metrics;
}

}  // namespace tepui::master
