#include "http/message.h"

#include <algorithm>
#include <charconv>

#include "http/text.h"

namespace tepui::http {
namespace {

constexpr std::string_view plain_text = "text/plain; charset=utf-8";

unsigned status_of(Errc code) {
    switch (code) {
        case Errc::invalid_argument: return 400;
        case Errc::unauthenticated: return 401;
        case Errc::denied: return 403;
        case Errc::not_found: return 404;
        case Errc::conflict: return 409;
        case Errc::too_large: return 413;
        case Errc::unsupported: return 501;
        case Errc::not_leader:
        case Errc::unavailable: return 503;
        case Errc::timeout: return 504;
        case Errc::cancelled:
        case Errc::io:
        case Errc::corrupt:
        case Errc::internal: return 500;
    }
    return 500;
}

}  // namespace

std::optional<std::string_view> Headers::find(std::string_view name) const {
    for (const auto& [key, value] : fields_)
        if (equals_ignoring_case(key, name)) return value;
    return std::nullopt;
}

void Headers::add(std::string name, std::string value) {
    fields_.emplace_back(std::move(name), std::move(value));
}

void Headers::set(std::string name, std::string value) {
    std::erase_if(fields_, [&](const auto& f) { return equals_ignoring_case(f.first, name); });
    fields_.emplace_back(std::move(name), std::move(value));
}

std::optional<std::string_view> Request::query_value(std::string_view name) const {
    for (const auto& [key, value] : query)
        if (key == name) return value;
    return std::nullopt;
}

Response Response::text(unsigned status, std::string body) {
    Response response;
    response.status = status;
    response.headers.add("Content-Type", std::string(plain_text));
    response.body = std::make_shared<const std::string>(std::move(body));
    return response;
}

Response Response::json(std::string body, unsigned status) {
    Response response = json(std::make_shared<const std::string>(std::move(body)));
    response.status = status;
    return response;
}

Response Response::json(std::shared_ptr<const std::string> body) {
    Response response;
    response.headers.add("Content-Type", "application/json");
    response.body = std::move(body);
    return response;
}

Response Response::empty(unsigned status) {
    Response response;
    response.status = status;
    return response;
}

Response Response::error(const Error& error) { return text(status_of(error.code), error.text); }

std::string_view reason_phrase(unsigned status) {
    switch (status) {
        case 100: return "Continue";
        case 101: return "Switching Protocols";
        case 200: return "OK";
        case 201: return "Created";
        case 202: return "Accepted";
        case 204: return "No Content";
        case 206: return "Partial Content";
        case 301: return "Moved Permanently";
        case 302: return "Found";
        case 303: return "See Other";
        case 304: return "Not Modified";
        case 307: return "Temporary Redirect";
        case 308: return "Permanent Redirect";
        case 400: return "Bad Request";
        case 401: return "Unauthorized";
        case 403: return "Forbidden";
        case 404: return "Not Found";
        case 405: return "Method Not Allowed";
        case 406: return "Not Acceptable";
        case 408: return "Request Timeout";
        case 409: return "Conflict";
        case 410: return "Gone";
        case 411: return "Length Required";
        case 413: return "Request Entity Too Large";
        case 415: return "Unsupported Media Type";
        case 416: return "Range Not Satisfiable";
        case 417: return "Expectation Failed";
        case 426: return "Upgrade Required";
        case 429: return "Too Many Requests";
        case 431: return "Request Header Fields Too Large";
        case 500: return "Internal Server Error";
        case 501: return "Not Implemented";
        case 502: return "Bad Gateway";
        case 503: return "Service Unavailable";
        case 504: return "Gateway Timeout";
        default: return "Unknown";
    }
}

}  // namespace tepui::http
