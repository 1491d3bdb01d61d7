#include "master/routes/reader.h"

#include "master/await_callback.h"

namespace tepui::master {

asio::awaitable<Result<Body>> Reader::shared_body(
    std::string name, std::function<std::string(const Snapshot&)> render) {
    auto snapshot = co_await hub_.current();
    auto work = [snapshot, name, render]() -> Result<Body> {
        return snapshot->body(name, [&] { return render(*snapshot); });
    };
    co_return co_await on_worker(std::move(work));
}

asio::awaitable<Result<Body>> Reader::own_body(std::function<std::string(const Snapshot&)> render) {
    auto snapshot = co_await hub_.current();
    auto work = [snapshot, render]() -> Result<Body> {
        return std::make_shared<const std::string>(render(*snapshot));
    };
    co_return co_await on_worker(std::move(work));
}

asio::awaitable<Result<Body>> Reader::work(std::function<Result<std::string>()> work) {
    auto wrapped = [work]() -> Result<Body> {
        return std::make_shared<const std::string>(TEPUI_TRY(work()));
    };
    co_return co_await on_worker(std::move(wrapped));
}

asio::awaitable<std::map<std::string, double>> Reader::metrics() {
    auto counters = co_await hub_.counters();
    auto snapshot = co_await hub_.current();
    MetricsInput input{std::move(snapshot), std::move(counters), loop_.stats(), clock_.now().wall};
    std::map<std::string, double> metrics;
    auto work = [&metrics, &input]() -> Result<Body> {
        metrics = collect_metrics(input);
        return Body{};
    };
    const auto done = co_await on_worker(std::move(work));
    if (!done) metrics.clear();
    co_return metrics;
}

asio::awaitable<Result<Body>> Reader::on_worker(std::function<Result<Body>()> work) {
    auto start = [this, &work](std::function<void(Result<Body>)> done) {
        const bool posted = workers_.post([work, done] {
            Result<Body> result;
            try {
                result = work();
            } catch (const std::exception& exception) {
                result = fail(Errc::internal, "rendering the answer: {}", exception.what());
            }
            done(std::move(result));
        });
        if (!posted) done(fail(Errc::unavailable, "the master is shutting down"));
    };
    co_return co_await await_callback<Result<Body>>(std::move(start));
}

}  // namespace tepui::master
