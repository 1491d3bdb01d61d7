#include "daemon/file_routes.h"

#include <charconv>

#include "daemon/json_response.h"
#include "daemon/on_worker.h"
#include "wire/json_writer.h"

namespace tepui::daemon {
namespace {

using http::Request;
using http::Response;

/// A whole number of a query, -1 when it is not there.
Result<std::int64_t> query_number(const Request& request, std::string_view name) {
    const auto text = request.query_value(name);
    if (!text || text->empty()) return -1;
    std::int64_t value = 0;
    const auto [end, error] = std::from_chars(text->data(), text->data() + text->size(), value);
    if (error != std::errc{} || end != text->data() + text->size() || value < -1) {
        return fail(Errc::invalid_argument,
                    "the query's '{}' must be a whole number from -1 on, not '{}'", name, *text);
    }
    return value;
}

Result<std::string> query_path(const Request& request) {
    const auto path = request.query_value("path");
    if (!path || path->empty()) return fail(Errc::invalid_argument, "the query needs a 'path'");
    return std::string(*path);
}

std::string browse_json(const std::vector<FileEntry>& entries) {
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

std::string page_json(const FilePage& page) {
    std::string out;
    wire::JsonWriter json(out);
    json.begin_object();
    json.key("data").value(page.data);
    json.key("offset").value(page.offset);
    json.end_object();
    return out;
}

asio::awaitable<Response> answer(env::WorkerPool& pool, const Request& request,
                                 std::function<Result<std::string>()> work) {
    auto body = co_await on_worker<std::string>(pool, std::move(work));
    if (!body) co_return Response::error(body.error());
    co_return json_response(request, std::move(*body));
}

asio::awaitable<Response> browse(const Files& files, env::WorkerPool& pool, Request request) {
    const auto path = query_path(request);
    if (!path) co_return Response::error(path.error());
    std::function<Result<std::string>()> work = [&files, path = *path]() -> Result<std::string> {
        return browse_json(TEPUI_TRY(files.list(path)));
    };
    co_return co_await answer(pool, request, std::move(work));
}

asio::awaitable<Response> read(const Files& files, env::WorkerPool& pool, Request request) {
    const auto path = query_path(request);
    if (!path) co_return Response::error(path.error());
    // An offset of -1 asks for the size as offset, a length of -1 for as much as there is.
    const auto offset = query_number(request, "offset");
    if (!offset) co_return Response::error(offset.error());
    const auto length = query_number(request, "length");
    if (!length) co_return Response::error(length.error());
    const auto as_unsigned = [](std::int64_t value) {
        return value >= 0 ? std::optional<std::uint64_t>(value) : std::nullopt;
    };
    std::function<Result<std::string>()> work =
        [&files, path = *path, from = as_unsigned(*offset),
         count = as_unsigned(*length)]() -> Result<std::string> {
        return page_json(TEPUI_TRY(files.read(path, from, count)));
    };
    co_return co_await answer(pool, request, std::move(work));
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

asio::awaitable<Response> download(const Files& files, env::WorkerPool& pool, Request request) {
    const auto path = query_path(request);
    if (!path) co_return Response::error(path.error());
    std::function<Result<std::string>()> work = [&files, path = *path] {
        return files.download(path);
    };
    auto body = co_await on_worker<std::string>(pool, std::move(work));
    if (!body) co_return Response::error(body.error());
    Response response;
    response.headers.set("Content-Type", "application/octet-stream");
    response.headers.set("Content-Disposition",
                         fmt::format("attachment; filename=\"{}\"", file_name(*path)));
    response.body = std::make_shared<const std::string>(std::move(*body));
    co_return response;
}

asio::awaitable<Response> debug(const Files& files, env::WorkerPool&, Request request) {
    std::string out;
    wire::JsonWriter json(out);
    json.begin_object();
    for (const auto& [shown, real] : files.attached()) json.key(shown).value(real);
    json.end_object();
    co_return json_response(request, std::move(out));
}

}  // namespace

std::map<std::string, http::Handler> file_handlers(const Files& files, env::WorkerPool& pool) {
    using Serve = asio::awaitable<Response> (*)(const Files&, env::WorkerPool&, Request);
    const auto handler = [&files, &pool](Serve serve) -> http::Handler {
        return [&files, &pool, serve](Request request) {
            return serve(files, pool, std::move(request));
        };
    };
    return {{"/files/browse", handler(browse)},
            {"/files/read", handler(read)},
            {"/files/download", handler(download)},
            {"/files/debug", handler(debug)}};
}

}  // namespace tepui::daemon
