#include "cli/client/agent_files.h"

#include <fmt/core.h>
#include <simdjson.h>

#include "cli/client/master_api.h"
#include "mesos/v1/agent/agent.pb.h"
#include "wire/media.h"

namespace tepui::cli {

namespace {

/// A line longer than this is shown in pieces.
constexpr std::size_t line_bytes_max = std::size_t{64} << 10;

/// {"offset":n,"data":"..."}, the answer of /files/read.
Result<std::pair<std::uint64_t, std::string>> parse_read_answer(std::string_view body) {
    simdjson::dom::parser parser;
    simdjson::dom::element document;
    std::uint64_t offset = 0;
    std::string_view data;
    const simdjson::padded_string padded(body);
    if (parser.parse(padded).get(document) != simdjson::SUCCESS ||
        document["offset"].get_uint64().get(offset) != simdjson::SUCCESS ||
        document["data"].get_string().get(data) != simdjson::SUCCESS) {
        return fail(Errc::corrupt, "the agent's answer to /files/read is not what it should be");
    }
    return std::pair{offset, std::string(data)};
}

}  // namespace

asio::awaitable<Result<http::Response>> AgentFiles::ask(http::ClientRequest request) {
    auto url = http::parse_url(agent_);
    if (!url) co_return fail(Errc::invalid_argument, "'{}' is not the address of an agent", agent_);
    request.url.host = url->host;
    request.url.port = url->port;
    request.deadline = 15s;
    auto response = co_await client_.request(std::move(request));
    if (!response)
        co_return fail_with(fmt::format("no answer from agent {}", agent_), response.error());
    if (response->status == 200) co_return response;
    co_return std::unexpected(status_error(*response));
}

asio::awaitable<Result<FilePart>> AgentFiles::read_by_call(std::string path, std::uint64_t offset,
                                                           std::uint64_t length) {
    mesos::v1::agent::Call call;
    call.set_type(mesos::v1::agent::Call::READ_FILE);
    call.mutable_read_file()->set_path(path);
    call.mutable_read_file()->set_offset(offset);
    call.mutable_read_file()->set_length(length);
    http::ClientRequest request;
    request.method = "POST";
    request.url.target = "/api/v1";
    request.headers = {{"Content-Type", std::string(wire::media_protobuf)},
                       {"Accept", std::string(wire::media_protobuf)}};
    request.body = wire::encode(wire::Media::protobuf, call);
    auto response = co_await ask(std::move(request));
    if (!response) co_return std::unexpected(response.error());
    mesos::v1::agent::Response message;
    const auto type = wire::parse_content_type(response->headers.find("Content-Type").value_or(""));
    const auto decoded =
        wire::decode(type.value_or(wire::Media::protobuf),
                     response->body ? std::string_view(*response->body) : "", message);
    if (!decoded) co_return fail_with("the agent's answer to READ_FILE", decoded.error());
    co_return FilePart{message.read_file().size(), message.read_file().data()};
}

asio::awaitable<Result<FilePart>> AgentFiles::read_by_route(std::string path, std::uint64_t offset,
                                                            std::uint64_t length) {
    const std::string target = "/files/read?path=" + http::percent_encode(path);
    http::ClientRequest size_request;
    size_request.url.target = target + "&offset=-1";
    auto size_response = co_await ask(std::move(size_request));
    if (!size_response) co_return std::unexpected(size_response.error());
    auto size_answer =
        parse_read_answer(size_response->body ? std::string_view(*size_response->body) : "");
    if (!size_answer) co_return std::unexpected(size_answer.error());
    FilePart part{size_answer->first, {}};
    if (part.size <= offset) co_return part;

    http::ClientRequest request;
    request.url.target =
        target + fmt::format("&offset={}&length={}", offset, std::min(length, part.size - offset));
    auto response = co_await ask(std::move(request));
    if (!response) co_return std::unexpected(response.error());
    auto answer = parse_read_answer(response->body ? std::string_view(*response->body) : "");
    if (!answer) co_return std::unexpected(answer.error());
    part.data = std::move(answer->second);
    co_return part;
}

asio::awaitable<Result<FilePart>> AgentFiles::read(std::string path, std::uint64_t offset,
                                                   std::uint64_t length) {
    if (knows_call_) {
        auto part = co_await read_by_call(path, offset, length);
        if (part) co_return part;
        const Errc code = part.error().code;
        // 404 may mean a missing file as well as a missing call; the route tells which.
        const bool unknown = code == Errc::internal || code == Errc::invalid_argument;
        if (!unknown && code != Errc::not_found) co_return part;
        knows_call_ = !unknown;
    }
    auto part = co_await read_by_route(path, offset, length);
    co_return part;
}

asio::awaitable<Result<JsonValue>> AgentFiles::get(std::string target) {
    http::ClientRequest request;
    request.url.target = target;
    auto response = co_await ask(std::move(request));
    if (!response) co_return std::unexpected(response.error());
    auto value = parse_json(response->body ? std::string_view(*response->body) : "");
    if (!value) {
        co_return fail_with(fmt::format("the answer of agent {} to {}", agent_, target),
                            value.error());
    }
    co_return value;
}

asio::awaitable<Result<std::vector<RemoteFile>>> AgentFiles::list(std::string path) {
    auto answer = co_await get("/files/browse?path=" + http::percent_encode(path));
    if (!answer) co_return std::unexpected(answer.error());
    std::vector<RemoteFile> files;
    for (const JsonValue& entry : answer->items) {
        RemoteFile file;
        file.path = entry.text_of("path");
        file.mode = entry.text_of("mode");
        file.owner = entry.text_of("uid");
        file.group = entry.text_of("gid");
        file.size = static_cast<std::uint64_t>(std::max(0.0, entry.number_of("size")));
        file.modified = entry.number_of("mtime");
        files.push_back(std::move(file));
    }
    co_return files;
}

asio::awaitable<Result<void>> follow_file(AgentFiles& files, std::string path,
                                          FollowOptions options,
                                          std::function<void(std::string_view)> sink) {
    asio::steady_timer timer(co_await asio::this_coro::executor);
    const std::string before = path + ".1";
    std::uint64_t offset = 0;
    using Time = asio::steady_timer::clock_type;
    // The last answer since the writer ended; an agent that hangs is silent for all of its
    // deadline.
    std::optional<Time::time_point> answered;
    for (;;) {
        const bool ended = !options.follow || options.ended();
        if (ended && !answered) answered = Time::now();
        auto part = co_await files.read(path, offset, options.part_bytes);
        if (part && !part->data.empty()) {
            sink(part->data);
            offset += part->data.size();
            answered.reset();
            continue;
        }
        if (part && part->size < offset) {
            // It was rotated: what was not read of it is in the file before it now.
            for (;;) {
                auto rest = co_await files.read(before, offset, options.part_bytes);
                if (!rest || rest->data.empty()) break;
                sink(rest->data);
                offset += rest->data.size();
            }
            offset = 0;
            continue;
        }
        if (!part && !options.follow) co_return std::unexpected(part.error());
        const bool missing = !part && part.error().code == Errc::not_found;
        if (ended && (part || missing)) co_return Result<void>{};
        if (ended && Time::now() - *answered >= options.patience)
            co_return std::unexpected(part.error());
        timer.expires_after(options.poll);
        boost::system::error_code ignored;
        co_await timer.async_wait(asio::redirect_error(asio::use_awaitable, ignored));
    }
}

LinePrefixer::LinePrefixer(std::string label, std::function<void(std::string_view)> sink)
    : prefix_(label.empty() ? "" : fmt::format("[{}] ", label)), sink_(std::move(sink)) {}

void LinePrefixer::write(std::string_view bytes) {
    if (prefix_.empty()) {
        sink_(bytes);
        return;
    }
    std::string whole;
    for (const char c : bytes) {
        line_ += c;
        if (line_.size() == line_bytes_max) line_ += '\n';
        if (line_.back() != '\n') continue;
        whole += prefix_ + line_;
        line_.clear();
    }
    if (!whole.empty()) sink_(whole);
}

void LinePrefixer::finish() {
    if (line_.empty()) return;
    sink_(prefix_ + line_ + '\n');
    line_.clear();
}

std::string sandbox_path(std::string_view framework, std::string_view executor) {
    return fmt::format("/frameworks/{}/executors/{}/runs/latest", framework, executor);
}

}  // namespace tepui::cli
