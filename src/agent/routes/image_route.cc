#include "agent/routes/routes.h"
#include "daemon/json_response.h"
#include "daemon/on_worker.h"
#include "wire/json_writer.h"

namespace tepui::agent {
namespace {

namespace v1 = mesos::v1;

std::string report_json(const containerizer::ImageReport& report) {
    std::string out;
    wire::JsonWriter json(out);
    json.begin_object().key("bytes").value(report.bytes).key("images").begin_array();
    for (const containerizer::ImageSummary& image : report.images) {
        json.begin_object().key("name").value(image.name);
        const bool failed = !image.error.empty();
        json.key("state").value(failed ? "FAILED" : image.pulling ? "PULLING" : "STORED");
        if (failed) json.key("error").value(image.error);
        if (!image.digest.empty()) json.key("digest").value(image.digest);
        json.key("layers").value(image.layers).key("layers_ready").value(image.layers_ready);
        json.key("layers_shared").value(image.layers_shared);
        json.key("bytes").value(image.bytes).key("bytes_done").value(image.bytes_done);
        if (!image.pulling && !failed) {
            json.key("pulled_at").value(image.pulled_at);
            json.key("used_at").value(image.used_at);
        }
        json.key("used_by").begin_array();
        for (const std::string& container : image.used_by) json.value(container);
        json.end_array().end_object();
    }
    json.end_array().end_object();
    return out;
}

asio::awaitable<http::Response> serve_images(std::shared_ptr<Backend> backend,
                                             http::Request request) {
    std::function<Result<std::string>()> work = [backend] {
        return Result<std::string>(report_json(backend->containerizer().images()));
    };
    auto body = co_await daemon::on_worker(backend->workers(), std::move(work));
    if (!body) co_return http::Response::error(body.error());
    co_return daemon::json_response(request, std::move(*body));
}

/// Answers when it has begun: pulls may take long. What became of it, /images tells.
asio::awaitable<http::Response> serve_pull(std::shared_ptr<Backend> backend,
                                           http::Request request) {
    const auto name = request.query_value("name");
    if (!name || name->empty())
        co_return http::Response::error(
            {Errc::invalid_argument, "/images/pull: name the image (?name=registry/app:1)"});
    std::function<Result<std::string>()> work =
        [backend, name = std::string(*name)]() -> Result<std::string> {
        const std::string known_as = TEPUI_TRY(backend->containerizer().pull_image(name));
        std::string out;
        wire::JsonWriter(out).begin_object().key("name").value(known_as).end_object();
        return out;
    };
    auto body = co_await daemon::on_worker(backend->workers(), std::move(work));
    if (!body) co_return http::Response::error(body.error());
    auto response = daemon::json_response(request, std::move(*body));
    response.status = 202;
    co_return response;
}

}  // namespace

asio::awaitable<Result<void>> prune_images(std::shared_ptr<Backend> backend,
                                           v1::agent::Call::PruneImages call) {
    std::vector<std::string> excluded;
    for (const v1::Image& image : call.excluded_images()) {
        if (image.type() != v1::Image::DOCKER || !image.has_docker())
            co_return fail(Errc::invalid_argument,
                           "PRUNE_IMAGES: an excluded image is no Docker image");
        excluded.push_back(image.docker().name());
    }
    std::function<Result<void>()> work = [backend, excluded = std::move(excluded)] {
        Result<void> pruned = backend->containerizer().prune_images(excluded);
        return pruned ? pruned : fail_with("PRUNE_IMAGES", pruned.error());
    };
    auto pruned = co_await daemon::on_worker(backend->workers(), std::move(work));
    co_return pruned;
}

void add_image_route(http::Router& router, std::shared_ptr<Backend> backend) {
    router.add("/images", {"GET", "POST"}, [backend](http::Request request) {
        return serve_images(backend, std::move(request));
    });
    router.add("/images/pull", {"POST"}, [backend](http::Request request) {
        return serve_pull(backend, std::move(request));
    });
}

}  // namespace tepui::agent
