#include "containerizer/docker/engine.h"

#include <charconv>
#include <utility>

#include "wire/json_writer.h"

namespace tepui::containerizer::docker {
namespace {

constexpr int k_minor_min = 25;
constexpr int k_minor_max = 47;

/// An answer that is no success, as an error with the Engine's words.
Error refusal(const Answer& answer) {
    const Result<std::string> said = parse_text(answer.body, "message");
    Errc code = Errc::internal;  // It did answer: asking again is no use.
    if (answer.status == 404) code = Errc::not_found;
    if (answer.status == 409) code = Errc::conflict;
    if (answer.status == 400) code = Errc::invalid_argument;
    if (answer.status == 501) code = Errc::unsupported;
    if (answer.status == 503) code = Errc::unavailable;
    return {code, fmt::format("the Docker Engine: {}",
                              said ? *said : fmt::format("HTTP status {}", answer.status))};
}

std::string filters(const std::vector<std::pair<std::string, std::string>>& wanted) {
    std::string json;
    wire::JsonWriter writer(json);
    writer.begin_object();
    for (const auto& [name, value] : wanted)
        writer.key(name).begin_array().value(value).end_array();
    writer.end_object();
    return url_encode(json);
}

/// `image` in the words of images/create: what to pull, and the tag. A digest is no tag; without
/// either only "latest" is pulled, and not everything.
std::string pull_query(const std::string& image) {
    const std::size_t slash = image.rfind('/');
    const std::size_t colon = image.rfind(':');
    const bool digest = image.find('@') != std::string::npos;
    const bool tagged = colon != std::string::npos && (slash == std::string::npos || colon > slash);
    if (digest) return "fromImage=" + url_encode(image);
    if (!tagged) return "fromImage=" + url_encode(image) + "&tag=latest";
    return "fromImage=" + url_encode(image.substr(0, colon)) +
           "&tag=" + url_encode(image.substr(colon + 1));
}

/// Names of images have slashes that are part of the path.
std::string encode_path(std::string_view path) {
    std::string out;
    while (!path.empty()) {
        const std::size_t slash = std::min(path.find('/'), path.size());
        out += url_encode(path.substr(0, slash));
        if (slash < path.size()) out += '/';
        path.remove_prefix(std::min(path.size(), slash + 1));
    }
    return out;
}

Result<void> to_done(const Result<Answer>& answer, std::initializer_list<int> content = {}) {
    if (!answer) return std::unexpected(answer.error());
    if (answer->ok()) return {};
    for (const int status : content)
        if (answer->status == status) return {};
    return std::unexpected(refusal(*answer));
}

}  // namespace

Result<std::string> agree_on_version(std::string_view theirs) {
    int minor = 0;
    const bool one = theirs.starts_with("1.");
    const std::string_view digits = one ? theirs.substr(2) : std::string_view();
    const auto [end, error] = std::from_chars(digits.data(), digits.data() + digits.size(), minor);
    if (!one || error != std::errc{} || end != digits.data() + digits.size())
        return fail(Errc::io,
                    "what answers at the socket is no Docker Engine: its API version is "
                    "'{}'",
                    theirs);
    if (minor < k_minor_min)
        return fail(Errc::unsupported,
                    "the Docker Engine's API version {} is too old; 1.{} is needed (Docker 1.13)",
                    theirs, k_minor_min);
    return fmt::format("/v1.{}", std::min(minor, k_minor_max));
}

asio::awaitable<Result<Answer>> Engine::send(Request request, Patience patience, Sink sink,
                                             StopPtr stop) {
    Result<Answer> answer = co_await transport_.exchange(std::move(request), patience,
                                                         std::move(sink), std::move(stop));
    if (answer) co_return answer;
    // Another Engine may be there the next time.
    if (answer.error().code != Errc::cancelled) version_.clear();
    const auto context = fmt::format("the Docker Engine at {}", transport_.socket_path());
    co_return fail_with(context, answer.error());
}

asio::awaitable<Result<void>> Engine::ping(Duration timeout, StopPtr stop) {
    Request request{"GET", "/_ping"};
    const Patience patience{timeout, timeout, timeout};
    const Result<Answer> answer = co_await send(std::move(request), patience, {}, stop);
    const Result<void> done = to_done(answer);
    if (!done) co_return done;
    Result<std::string> version = agree_on_version(answer->api_version);
    if (!version) co_return std::unexpected(version.error());
    version_ = std::move(*version);
    co_return Result<void>{};
}

asio::awaitable<Result<void>> Engine::agree(StopPtr stop) {
    if (!version_.empty()) co_return Result<void>{};
    co_return co_await ping(call_timeout_, std::move(stop));
}

asio::awaitable<Result<Answer>> Engine::send(std::string method, std::string path, std::string body,
                                             StopPtr stop) {
    const Result<void> agreed = co_await agree(stop);
    if (!agreed) co_return std::unexpected(agreed.error());
    Request request{std::move(method), version_ + path, std::move(body)};
    const Patience patience{call_timeout_, call_timeout_, call_timeout_};
    co_return co_await send(std::move(request), patience, {}, std::move(stop));
}

asio::awaitable<Result<bool>> Engine::has_image(std::string image, StopPtr stop) {
    const std::string path = "/images/" + encode_path(image) + "/json";
    const Result<Answer> answer = co_await send("GET", path, {}, std::move(stop));
    const Result<void> done = to_done(answer, {404});
    if (!done) co_return std::unexpected(done.error());
    co_return answer->status != 404;
}

asio::awaitable<Result<void>> Engine::pull(std::string image, std::string auth,
                                           std::function<void(const PullLine&)> told,
                                           StopPtr stop) {
    const Result<void> agreed = co_await agree(stop);
    if (!agreed) co_return agreed;
    Request request{"POST", version_ + "/images/create?" + pull_query(image)};
    if (!auth.empty()) request.headers.emplace_back("X-Registry-Auth", std::move(auth));
    const auto cutter = std::make_shared<LineCutter>();
    const Sink sink = [cutter, told](std::string_view bytes) -> Result<void> {
        for (const std::string& line : TEPUI_TRY(cutter->feed(bytes))) {
            const PullLine said = TEPUI_TRY(parse_pull_line(line));
            if (!said.error.empty()) return fail(Errc::not_found, "{}", said.error);
            told(said);
        }
        return {};
    };
    // The head comes when the registry answered; what follows is progress, a line each.
    const Patience patience{call_timeout_, call_timeout_};
    const Result<Answer> answer =
        co_await send(std::move(request), patience, sink, std::move(stop));
    co_return to_done(answer);
}

asio::awaitable<Result<std::string>> Engine::create(std::string name, std::string body,
                                                    StopPtr stop) {
    const std::string path = "/containers/create?name=" + url_encode(name);
    const Result<Answer> answer = co_await send("POST", path, std::move(body), std::move(stop));
    const Result<void> done = to_done(answer);
    if (!done) co_return std::unexpected(done.error());
    co_return parse_text(answer->body, "Id");
}

asio::awaitable<Result<void>> Engine::start(std::string id, StopPtr stop) {
    const std::string path = "/containers/" + url_encode(id) + "/start";
    const Result<Answer> answer = co_await send("POST", path, {}, std::move(stop));
    co_return to_done(answer, {304});
}

asio::awaitable<Result<Inspected>> Engine::inspect(std::string id, StopPtr stop) {
    const std::string path = "/containers/" + url_encode(id) + "/json";
    const Result<Answer> answer = co_await send("GET", path, {}, std::move(stop));
    const Result<void> done = to_done(answer);
    if (!done) co_return std::unexpected(done.error());
    Result<Inspected> inspected = parse_inspect(answer->body);
    if (inspected) inspected->json = answer->body;
    co_return inspected;
}

asio::awaitable<Result<std::vector<Listed>>> Engine::list(std::string label, std::string value,
                                                          StopPtr stop) {
    const std::string path =
        "/containers/json?all=1&filters=" + filters({{"label", label + "=" + value}});
    const Result<Answer> answer = co_await send("GET", path, {}, std::move(stop));
    const Result<void> done = to_done(answer);
    if (!done) co_return std::unexpected(done.error());
    co_return parse_list(answer->body);
}

asio::awaitable<Result<void>> Engine::kill(std::string id, std::string signal, StopPtr stop) {
    const std::string path =
        fmt::format("/containers/{}/kill?signal={}", url_encode(id), url_encode(signal));
    const Result<Answer> answer = co_await send("POST", path, {}, std::move(stop));
    co_return to_done(answer, {404, 409});  // 409: it does not run.
}

asio::awaitable<Result<void>> Engine::stop(std::string id, Duration grace, StopPtr stop) {
    const Result<void> agreed = co_await agree(stop);
    if (!agreed) co_return agreed;
    const auto whole = std::chrono::ceil<std::chrono::seconds>(grace).count();
    Request request{"POST",
                    fmt::format("{}/containers/{}/stop?t={}", version_, url_encode(id), whole)};
    const Patience patience{call_timeout_ + grace, call_timeout_};
    const Result<Answer> answer = co_await send(std::move(request), patience, {}, std::move(stop));
    co_return to_done(answer, {304, 404});
}

asio::awaitable<Result<void>> Engine::remove(std::string id, StopPtr stop) {
    const std::string path = "/containers/" + url_encode(id) + "?force=1&v=1";
    const Result<Answer> answer = co_await send("DELETE", path, {}, std::move(stop));
    co_return to_done(answer, {404});
}

asio::awaitable<Result<void>> Engine::update(std::string id, std::string body, StopPtr stop) {
    const std::string path = "/containers/" + url_encode(id) + "/update";
    const Result<Answer> answer = co_await send("POST", path, std::move(body), std::move(stop));
    co_return to_done(answer);
}

asio::awaitable<Result<void>> Engine::follow_logs(std::string id, std::string since, Sink sink,
                                                  StopPtr stop) {
    const Result<void> agreed = co_await agree(stop);
    if (!agreed) co_return agreed;
    Request request{"GET", fmt::format("{}/containers/{}/logs?follow=1&stdout=1&stderr=1"
                                       "&timestamps=1&since={}",
                                       version_, url_encode(id), url_encode(since))};
    // A container may be silent for ever, and then so is the head of the answer.
    const Patience patience{Duration::max() / 4, std::nullopt};
    const Result<Answer> answer =
        co_await send(std::move(request), patience, std::move(sink), std::move(stop));
    co_return to_done(answer);
}

asio::awaitable<Result<void>> Engine::events(std::string label, std::string value,
                                             std::function<void()> begun,
                                             std::function<void(const EngineEvent&)> told,
                                             StopPtr stop) {
    const Result<void> agreed = co_await agree(stop);
    if (!agreed) co_return agreed;
    Request request{"GET", version_ + "/events?filters=" +
                               filters({{"type", "container"}, {"label", label + "=" + value}})};
    const auto cutter = std::make_shared<LineCutter>();
    const Sink sink = [cutter, told](std::string_view bytes) -> Result<void> {
        for (const std::string& line : TEPUI_TRY(cutter->feed(bytes)))
            told(TEPUI_TRY(parse_event(line)));
        return {};
    };
    const Patience patience{call_timeout_, std::nullopt, std::nullopt, std::move(begun)};
    const Result<Answer> answer =
        co_await send(std::move(request), patience, sink, std::move(stop));
    co_return to_done(answer);
}

asio::awaitable<Result<std::string>> Engine::exec_create(std::string id, std::string body,
                                                         StopPtr stop) {
    const std::string path = "/containers/" + url_encode(id) + "/exec";
    const Result<Answer> answer = co_await send("POST", path, std::move(body), std::move(stop));
    const Result<void> done = to_done(answer);
    if (!done) co_return std::unexpected(done.error());
    co_return parse_text(answer->body, "Id");
}

asio::awaitable<Result<void>> Engine::exec_start(std::string exec, Duration timeout, StopPtr stop) {
    const Result<void> agreed = co_await agree(stop);
    if (!agreed) co_return agreed;
    Request request{"POST", version_ + "/exec/" + url_encode(exec) + "/start",
                    R"({"Detach":false,"Tty":false})"};
    const Patience patience{timeout, timeout, timeout};
    const Sink nowhere = [](std::string_view) -> Result<void> { return {}; };
    const Result<Answer> answer =
        co_await send(std::move(request), patience, nowhere, std::move(stop));
    co_return to_done(answer);
}

asio::awaitable<Result<std::shared_ptr<Upgraded>>> Engine::exec_attach(std::string exec,
                                                                       bool terminal,
                                                                       StopPtr stop) {
    const Result<void> agreed = co_await agree(stop);
    if (!agreed) co_return std::unexpected(agreed.error());
    Request request{"POST", version_ + "/exec/" + url_encode(exec) + "/start",
                    fmt::format(R"({{"Detach":false,"Tty":{}}})", terminal)};
    const Result<Transport::UpgradeAnswer> given =
        co_await transport_.upgrade(std::move(request), call_timeout_, std::move(stop));
    if (!given) {
        if (given.error().code != Errc::cancelled) version_.clear();
        const auto context = fmt::format("the Docker Engine at {}", transport_.socket_path());
        co_return fail_with(context, given.error());
    }
    if (!given->stream) co_return std::unexpected(refusal(given->answer));
    co_return given->stream;
}

asio::awaitable<Result<void>> Engine::exec_resize(std::string exec, std::uint16_t rows,
                                                  std::uint16_t columns, StopPtr stop) {
    const std::string path =
        fmt::format("/exec/{}/resize?h={}&w={}", url_encode(exec), rows, columns);
    const Result<Answer> answer = co_await send("POST", path, {}, std::move(stop));
    co_return to_done(answer);
}

asio::awaitable<Result<ExecInspected>> Engine::exec_inspect(std::string exec, StopPtr stop) {
    const Result<Answer> answer =
        co_await send("GET", "/exec/" + url_encode(exec) + "/json", {}, std::move(stop));
    const Result<void> done = to_done(answer);
    if (!done) co_return std::unexpected(done.error());
    co_return parse_exec(answer->body);
}

}  // namespace tepui::containerizer::docker
