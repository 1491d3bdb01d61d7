#include "cli/client/master_api.h"

#include <fmt/core.h>

#include "wire/media.h"

namespace tepui::cli {

namespace {

constexpr int redirects_max = 5;
constexpr std::uint16_t master_port = 5050;

http::ClientRequest operator_request(const mesos::v1::master::Call& call) {
    http::ClientRequest request;
    request.method = "POST";
    request.url.target = "/api/v1";
    request.headers = {{"Content-Type", std::string(wire::media_protobuf)},
                       {"Accept", std::string(wire::media_protobuf)}};
    request.body = wire::encode(wire::Media::protobuf, call);
    request.deadline = 30s;
    return request;
}

// What a Client fails with; status_error() gives none of them.
bool is_no_answer(Errc code) {
    return code == Errc::io || code == Errc::timeout || code == Errc::too_large ||
           code == Errc::unsupported;
}

}  // namespace

Error status_error(unsigned status, std::string_view body) {
    const auto code = [&] {
        switch (status) {
            case 400: return Errc::invalid_argument;
            case 401: return Errc::unauthenticated;
            case 403: return Errc::denied;
            case 404: return Errc::not_found;
            case 409: return Errc::conflict;
            case 307:
            case 503: return Errc::unavailable;
            default: return Errc::internal;
        }
    }();
    constexpr std::size_t shown_max = 500;
    std::string text(body.substr(0, shown_max));
    while (!text.empty() && (text.back() == '\n' || text.back() == '\r')) text.pop_back();
    if (text.empty() && status == 503) text = "no master leads yet";
    if (text.empty()) text = fmt::format("HTTP status {} {}", status, http::reason_phrase(status));
    return Error{code, std::move(text)};
}

Error status_error(const http::Response& response) {
    return status_error(response.status,
                        response.body ? std::string_view(*response.body) : std::string_view());
}

http::ClientRequest json_request(std::string method, std::string target, std::string body) {
    http::ClientRequest request;
    request.method = std::move(method);
    request.url.target = std::move(target);
    request.headers = {{"Content-Type", std::string(wire::media_json)}};
    request.body = std::move(body);
    return request;
}

std::string MasterApi::address() const { return fmt::format("{}:{}", master_.host, master_.port); }

bool MasterApi::follow(const http::Headers& headers) {
    const auto location = headers.find("Location");
    if (!location) return false;
    const auto url = http::parse_url(*location);
    if (!url) return false;
    master_.host = url->host;
    master_.port = url->port;
    return true;
}

asio::awaitable<Result<http::Response>> MasterApi::request(http::ClientRequest request) {
    for (int hops = 0;; ++hops) {
        request.url.host = master_.host;
        request.url.port = master_.port;
        auto response = co_await client_.request(request);
        if (!response)
            co_return fail_with(fmt::format("no answer from {}", address()), response.error());
        if (response->status != 307 || hops == redirects_max || !follow(response->headers)) {
            co_return response;
        }
    }
}

asio::awaitable<Result<std::unique_ptr<http::ClientStream>>> MasterApi::open(
    http::ClientRequest request) {
    for (int hops = 0;; ++hops) {
        request.url.host = master_.host;
        request.url.port = master_.port;
        auto stream = co_await client_.open(request);
        if (!stream)
            co_return fail_with(fmt::format("no answer from {}", address()), stream.error());
        const unsigned status = (*stream)->status();
        if (status == 200) co_return stream;
        if (status == 307 && hops < redirects_max && follow((*stream)->headers())) {
            (*stream)->close();
            continue;
        }
        std::string body;
        for (;;) {
            auto part = co_await (*stream)->read();
            if (!part || part->empty()) break;
            body += *part;
        }
        (*stream)->close();
        co_return std::unexpected(status_error(status, body));
    }
}

asio::awaitable<Result<http::Response>> MasterApi::accepted(http::ClientRequest request) {
    auto response = co_await this->request(std::move(request));
    if (response && response->status != 200 && response->status != 202) {
        co_return std::unexpected(status_error(*response));
    }
    co_return response;
}

asio::awaitable<Result<std::string>> MasterApi::ask(http::ClientRequest request) {
    auto response = co_await accepted(std::move(request));
    if (!response) co_return std::unexpected(response.error());
    co_return response->body ? *response->body : std::string();
}

asio::awaitable<Result<mesos::v1::master::Response>> MasterApi::call(mesos::v1::master::Call call) {
    auto encoded = operator_request(call);
    auto response = co_await accepted(std::move(encoded));
    if (!response) co_return std::unexpected(response.error());
    const std::string_view body = response->body ? std::string_view(*response->body) : "";
    mesos::v1::master::Response message;
    if (body.empty()) co_return message;
    const auto type = wire::parse_content_type(response->headers.find("Content-Type").value_or(""));
    const auto decoded = wire::decode(type.value_or(wire::Media::protobuf), body, message);
    if (!decoded) co_return fail_with("the master's answer", decoded.error());
    co_return message;
}

asio::awaitable<Result<mesos::v1::master::Response>> MasterApi::call(
    mesos::v1::master::Call::Type type) {
    mesos::v1::master::Call message;
    message.set_type(type);
    auto response = co_await call(std::move(message));
    co_return response;
}

Flag master_flag() {
    Flag flag;
    flag.name = "master";
    flag.value_name = "HOST:PORT";
    flag.help = "The master to ask. Any master of the cluster will do; it names the leader.";
    flag.fallback = "127.0.0.1:5050";
    flag.environment = "TEPUI_MASTER";
    flag.group = "Cluster";
    return flag;
}

Result<http::Url> master_url(const Parsed& parsed) {
    std::string text = parsed.value("master");
    constexpr std::string_view scheme = "http://";
    if (text.starts_with(scheme)) text = text.substr(scheme.size());
    while (text.ends_with('/')) text.pop_back();
    const std::size_t bracket = text.rfind(']');
    const std::size_t colon = text.rfind(':');
    const bool has_port =
        colon != std::string::npos && (bracket == std::string::npos || colon > bracket);
    if (!has_port) text += fmt::format(":{}", master_port);
    auto url = http::parse_url(text);
    if (!url)
        return fail(Errc::invalid_argument, "--master: '{}' is not HOST:PORT",
                    parsed.value("master"));
    return url;
}

std::unexpected<Failure> master_failure(const std::string& verb, const MasterApi& master,
                                        const Error& error) {
    std::string next;
    if (error.code == Errc::io || error.code == Errc::timeout) {
        next = "tepui up, or name another master with --master HOST:PORT";
    }
    return give_up(fmt::format("{} (master {})", verb, master.address()), error, std::move(next));
}

std::unexpected<Failure> ask_failure(const std::string& verb, std::string what,
                                     const MasterApi& master, const Error& error,
                                     std::string next) {
    if (is_no_answer(error.code)) return master_failure(verb, master, error);
    return give_up(std::move(what), error, std::move(next));
}

std::unexpected<Failure> call_failure(const std::string& what, const MasterApi& master,
                                      const Error& error, std::string next) {
    if (error.code == Errc::io) return master_failure(what, master, error);
    return give_up(what, error, std::move(next));
}

Outcome with_master(const Parsed& parsed, const std::string& verb,
                    std::function<asio::awaitable<Outcome>(http::Client&, MasterApi&)> body) {
    const auto url = master_url(parsed);
    if (!url) return give_up(verb, url.error(), fmt::format("tepui help {}", verb));
    asio::io_context loop(1);
    http::Client client(loop.get_executor());
    MasterApi master(client, *url);
    Outcome outcome = give_up(verb, Error{Errc::internal, "the verb ended without an outcome"});
    asio::co_spawn(loop, body(client, master), [&](std::exception_ptr error, Outcome result) {
        if (!error) {
            outcome = std::move(result);
        } else {
            try {
                std::rethrow_exception(error);
            } catch (const std::exception& exception) {
                outcome = give_up(verb, Error{Errc::internal, exception.what()});
            }
        }
        loop.stop();
    });
    loop.run();
    return outcome;
}

}  // namespace tepui::cli
