#include <charconv>

#include "agent/routes/routes.h"
#include "wire/json_writer.h"

namespace tepui::agent {
namespace {

using Entries = std::vector<FileEntry>;

/// A whole number of a query; nothing when absent, an error when it is no number.
Result<std::optional<std::int64_t>> query_number(const http::Request& request,
                                                 std::string_view name) {
    const auto text = request.query_value(name);
    if (!text) return std::nullopt;
    std::int64_t value = 0;
    const auto [end, error] = std::from_chars(text->data(), text->data() + text->size(), value);
    if (error != std::errc{} || end != text->data() + text->size()) {
        return fail(Errc::invalid_argument, "the parameter '{}' must be a whole number, not '{}'",
                    name, *text);
    }
    return value;
}

Result<std::string> query_path(const http::Request& request) {
    const auto path = request.query_value("path");
    if (!path || path->empty()) {
        return fail(Errc::invalid_argument, "the parameter 'path' is missing");
    }
    return std::string(*path);
}

std::string browse_json(const Entries& entries) {
    std::string out;
    wire::JsonWriter json(out);
    json.begin_array();
    for (const FileEntry& entry : entries) {
        json.begin_object();
        json.key("gid").value(group_name(entry.status.st_gid));
        json.key("mode").value(mode_text(entry.status.st_mode));
        json.key("mtime").value(static_cast<double>(entry.status.st_mtim.tv_sec));
        json.key("nlink").value(static_cast<std::uint64_t>(entry.status.st_nlink));
        json.key("path").value(entry.path);
        json.key("size").value(static_cast<std::int64_t>(entry.status.st_size));
        json.key("uid").value(user_name(entry.status.st_uid));
        json.end_object();
    }
    json.end_array();
    return out;
}

asio::awaitable<http::Response> browse(std::shared_ptr<Backend> backend, http::Request request) {
    const auto path = query_path(request);
    if (!path) co_return http::Response::error(path.error());
    std::function<Result<std::string>()> work = [backend, path = *path]() -> Result<std::string> {
        return browse_json(TEPUI_TRY(backend->files().list(path)));
    };
    auto body = co_await backend->blocking<std::string>(std::move(work));
    if (!body) co_return http::Response::error(body.error());
    co_return http::Response::json(std::move(*body));
}

asio::awaitable<http::Response> read(std::shared_ptr<Backend> backend, http::Request request) {
    const auto path = query_path(request);
    if (!path) co_return http::Response::error(path.error());
    const auto offset = query_number(request, "offset");
    if (!offset) co_return http::Response::error(offset.error());
    const auto length = query_number(request, "length");
    if (!length) co_return http::Response::error(length.error());
    // -1 asks for the size as offset, or for as much as there is; other negatives have no meaning.
    if (offset->value_or(0) < -1 || length->value_or(0) < -1) {
        co_return http::Response::text(400, "'offset' and 'length' must not be below -1.");
    }
    const auto as_unsigned = [](std::optional<std::int64_t> value) {
        return value && *value >= 0 ? std::optional<std::uint64_t>(*value) : std::nullopt;
    };
    std::optional<std::uint64_t> from = as_unsigned(*offset);
    if (!*offset) from = 0;
    std::function<Result<FilePage>()> work = [backend, path = *path, from,
                                              count = as_unsigned(*length)] {
        return backend->files().read(path, from, count);
    };
    const auto page = co_await backend->blocking<FilePage>(std::move(work));
    if (!page) co_return http::Response::error(page.error());
    std::string out;
    wire::JsonWriter json(out);
    json.begin_object();
    json.key("data").value(page->data);
    json.key("offset").value(page->offset);
    json.end_object();
    co_return http::Response::json(std::move(out));
}

/// The last part of a path, fit for a header.
std::string file_name(std::string_view path) {
    while (path.ends_with('/')) path.remove_suffix(1);
    std::string name(path.substr(path.rfind('/') + 1));
    for (char& c : name) {
        const auto byte = static_cast<unsigned char>(c);
        if (byte < 0x20 || byte >= 0x7f || c == '"' || c == '\\') c = '_';
    }
    return name;
}

asio::awaitable<http::Response> download(std::shared_ptr<Backend> backend, http::Request request) {
    const auto path = query_path(request);
    if (!path) co_return http::Response::error(path.error());
    std::function<Result<std::string>()> work = [backend, path = *path] {
        return backend->files().download(path);
    };
    auto body = co_await backend->blocking<std::string>(std::move(work));
    if (!body) co_return http::Response::error(body.error());
    http::Response response;
    response.headers.set("Content-Type", "application/octet-stream");
    response.headers.set("Content-Disposition",
                         fmt::format("attachment; filename=\"{}\"", file_name(*path)));
    response.body = std::make_shared<const std::string>(std::move(*body));
    co_return response;
}

asio::awaitable<http::Response> debug(std::shared_ptr<Backend> backend) {
    std::string out;
    wire::JsonWriter json(out);
    json.begin_object();
    for (const auto& [shown, real] : backend->files().attached()) json.key(shown).value(real);
    json.end_object();
    co_return http::Response::json(std::move(out));
}

}  // namespace

void add_file_routes(http::Router& router, std::shared_ptr<Backend> backend) {
    router.add("/files/browse", {"GET"}, [backend](http::Request request) {
        return browse(backend, std::move(request));
    });
    router.add("/files/read", {"GET"}, [backend](http::Request request) {
        return read(backend, std::move(request));
    });
    router.add("/files/download", {"GET"}, [backend](http::Request request) {
        return download(backend, std::move(request));
    });
    router.add("/files/debug", {"GET"}, [backend](http::Request) { return debug(backend); });
}

}  // namespace tepui::agent
