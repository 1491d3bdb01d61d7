#include "http/parser.h"

#include <algorithm>
#include <limits>

#include <boost/beast/http/basic_parser.hpp>

#include "http/gzip.h"
#include "http/text.h"

namespace tepui::http {
namespace {

namespace beast_http = boost::beast::http;
using boost::beast::error_code;
using BeastView = boost::beast::string_view;

std::string_view view(BeastView text) { return {text.data(), text.size()}; }

ParseFailure failure_of(const error_code& error) {
    using beast_http::error;
    if (error == error::header_limit) return {431, "The head of the request is too large."};
    if (error == error::body_limit) return {413, "The body of the request is too large."};
    return {400, fmt::format("Not a valid HTTP message: {}.", error.message())};
}

/// What requests and responses have in common: fields, body, limits. Our own refusals are kept in
/// `failure`; Beast is then stopped with any error code.
template <bool is_request>
class Sink : public beast_http::basic_parser<is_request> {
public:
    explicit Sink(const ParseLimits& limits) : limits_(limits) {
        this->eager(true);
        this->header_limit(static_cast<std::uint32_t>(std::min<std::size_t>(
            limits.head_bytes_max, std::numeric_limits<std::uint32_t>::max())));
        this->body_limit(limits.body_bytes_max);
    }

    std::size_t feed(std::string_view bytes) {
        if (failure || this->is_done()) return 0;
        std::size_t used = 0;
        if constexpr (is_request) used = skip_empty_lines(bytes);
        if (used == bytes.size()) return used;
        if (!this->got_some() && bytes.substr(used) == "\r") return used;
        const bool in_head = !this->is_header_done();
        // Beast 1.81 asserts that a last chunk that came in part comes again with 5 bytes at least.
        // No chunk's head needs to be looked at before: "0\r\n\r\n" is the shortest end of a body.
        if (!in_head && this->chunked() && chunk_bytes_left_ == 0 && bytes.size() < 5) return 0;
        error_code error;
        used += this->put({bytes.data() + used, bytes.size() - used}, error);
        if (failure) return used;
        if (error && error != beast_http::error::need_more) {
            failure = failure_of(error);
        } else if (in_head && !this->is_header_done()) {
            head_bytes_ += used;
            if (head_bytes_ + (bytes.size() - used) > limits_.head_bytes_max)
                failure = {431, "The head of the request is too large."};
        } else if (error && bytes.size() - used > limits_.head_bytes_max) {
            // A chunk's size line or the trailer, which must come in one piece.
            failure = {400, "A chunk's head or the trailer is too large."};
        }
        return used;
    }

    Headers headers;
    std::string body;
    std::optional<ParseFailure> failure;

protected:
    void refuse(unsigned status, std::string text, error_code& error) {
        failure = ParseFailure{status, std::move(text)};
        error = beast_http::error::bad_field;
    }

    void on_request_impl(beast_http::verb, BeastView method, BeastView target, int version,
                         error_code& error) override {
        on_start(view(method), view(target), version, error);
    }
    void on_response_impl(int status, BeastView, int version, error_code&) override {
        on_start_response(static_cast<unsigned>(status), version);
    }
    virtual void on_start(std::string_view, std::string_view, int, error_code&) {}
    virtual void on_start_response(unsigned, int) {}
    virtual void on_field(beast_http::field, std::string_view, error_code&) {}
    virtual void on_head(error_code&) {}

    void on_field_impl(beast_http::field field, BeastView name, BeastView value,
                       error_code& error) override {
        if (this->is_header_done()) return;  // A trailer: checked by Beast, of no use to anybody.
        if (field == beast_http::field::transfer_encoding &&
            !equals_ignoring_case(trim(view(value)), "chunked"))
            return refuse(is_request ? 501 : 400, "The only Transfer-Encoding known is 'chunked'.",
                          error);
        headers.add(std::string(view(name)), std::string(view(value)));
        on_field(field, view(value), error);
    }
    void on_header_impl(error_code& error) override { on_head(error); }
    void on_body_init_impl(const boost::optional<std::uint64_t>& length, error_code&) override {
        // A length is a claim; memory is taken for it as bytes arrive.
        if (length) body.reserve(std::min<std::uint64_t>(*length, std::size_t{1} << 20));
    }
    std::size_t on_body_impl(BeastView bytes, error_code&) override {
        body.append(bytes.data(), bytes.size());
        return bytes.size();
    }
    void on_chunk_header_impl(std::uint64_t size, BeastView, error_code&) override {
        chunk_bytes_left_ = size;
    }
    std::size_t on_chunk_body_impl(std::uint64_t, BeastView bytes, error_code&) override {
        chunk_bytes_left_ -= bytes.size();
        body.append(bytes.data(), bytes.size());
        return bytes.size();
    }
    void on_finish_impl(error_code&) override {}

private:
    /// RFC 9112 2.2: empty lines before a request are to be ignored.
    std::size_t skip_empty_lines(std::string_view bytes) {
        if (this->got_some()) return 0;
        std::size_t used = 0;
        while (bytes.substr(used).starts_with("\r\n")) used += 2;
        return used;
    }

    const ParseLimits limits_;
    std::size_t head_bytes_ = 0;
    std::uint64_t chunk_bytes_left_ = 0;  // Of the chunk that is being read.
};

class RequestSink final : public Sink<true> {
public:
    explicit RequestSink(const ParseLimits& limits) : Sink(limits) {}

    Request request;
    bool http10 = false;
    bool expects_continue = false;
    bool is_recordio = false;
    std::string content_encoding;

protected:
    void on_start(std::string_view method, std::string_view target, int version,
                  error_code& error) override {
        auto parts = http::parse_target(method, target);
        if (!parts) return refuse(400, std::move(parts.error().text), error);
        request.method = method;
        request.target = target;
        request.path = std::move(parts->path);
        request.query = std::move(parts->query);
        http10 = version == 10;
    }

    void on_field(beast_http::field field, std::string_view value, error_code& error) override {
        using beast_http::field;
        switch (field) {
            case field::host:
                if (has_host_) return refuse(400, "The request has two Host fields.", error);
                has_host_ = true;
                break;
            case field::expect:
                if (!equals_ignoring_case(value, "100-continue"))
                    return refuse(417, "The only expectation known is '100-continue'.", error);
                expects_continue = !http10;
                break;
            case field::content_type:
                is_recordio = equals_ignoring_case(value, "application/recordio");
                break;
            case field::content_encoding:
                content_encoding = value;
                for (char& c : content_encoding) c = lower(c);
                if (content_encoding == "identity") content_encoding.clear();
                if (content_encoding == "x-gzip") content_encoding = "gzip";
                if (!content_encoding.empty() && content_encoding != "gzip")
                    return refuse(415, "The only Content-Encoding known is 'gzip'.", error);
                break;
            default: break;
        }
    }

    void on_head(error_code&) override {
        request.keep_alive = keep_alive();
        request.headers = std::move(headers);
    }

private:
    bool has_host_ = false;
};

class ResponseSink final : public Sink<false> {
public:
    using Sink::Sink;
    unsigned status = 0;

protected:
    void on_start_response(unsigned code, int) override { status = code; }
};

}  // namespace

class RequestParser::Impl {
public:
    explicit Impl(ParseLimits limits) : limits_(limits) { sink.emplace(limits_); }
    void reset() { sink.emplace(limits_); }
    const ParseLimits& limits() const { return limits_; }
    std::optional<RequestSink> sink;

private:
    const ParseLimits limits_;
};

RequestParser::RequestParser(ParseLimits limits) : impl_(std::make_unique<Impl>(limits)) {}
RequestParser::~RequestParser() = default;

void RequestParser::reset() { impl_->reset(); }
std::size_t RequestParser::feed(std::string_view bytes) { return impl_->sink->feed(bytes); }
bool RequestParser::head_done() const { return impl_->sink->is_header_done(); }
bool RequestParser::done() const { return impl_->sink->is_done() && !impl_->sink->failure; }
const std::optional<ParseFailure>& RequestParser::failure() const { return impl_->sink->failure; }
bool RequestParser::expects_continue() const { return impl_->sink->expects_continue; }
bool RequestParser::wants_upload() const {
    return impl_->sink->is_recordio && impl_->sink->content_encoding.empty();
}
bool RequestParser::is_http10() const { return impl_->sink->http10; }

const Request& RequestParser::head() const { return impl_->sink->request; }

Request RequestParser::take() {
    RequestSink& sink = *impl_->sink;
    sink.request.body = std::move(sink.body);
    sink.body.clear();
    return std::move(sink.request);
}

void RequestParser::lift_body_limit() { impl_->sink->body_limit(boost::none); }
std::string RequestParser::take_body() { return std::exchange(impl_->sink->body, {}); }

void RequestParser::decode_body() {
    RequestSink& sink = *impl_->sink;
    if (sink.content_encoding.empty() || sink.body.empty()) return;
    auto plain = gunzip(sink.body, impl_->limits().body_bytes_max);
    if (!plain) {
        const unsigned status = plain.error().code == Errc::too_large ? 413 : 400;
        sink.failure = ParseFailure{status, std::move(plain.error().text)};
        return;
    }
    sink.body = std::move(*plain);
}

class ResponseParser::Impl {
public:
    explicit Impl(ParseLimits limits) : limits_(limits) { sink.emplace(limits_); }
    void reset(bool to_head) {
        sink.emplace(limits_);
        sink->skip(to_head);
    }
    std::optional<ResponseSink> sink;

private:
    const ParseLimits limits_;
};

ResponseParser::ResponseParser(ParseLimits limits) : impl_(std::make_unique<Impl>(limits)) {}
ResponseParser::~ResponseParser() = default;

void ResponseParser::reset(bool to_head) { impl_->reset(to_head); }
std::size_t ResponseParser::feed(std::string_view bytes) { return impl_->sink->feed(bytes); }

void ResponseParser::feed_end() {
    ResponseSink& sink = *impl_->sink;
    if (sink.failure || sink.is_done()) return;
    error_code error = beast_http::error::partial_message;
    if (sink.got_some()) sink.put_eof(error);
    if (error) sink.failure = ParseFailure{400, "the connection was closed in the middle"};
}

bool ResponseParser::head_done() const { return impl_->sink->is_header_done(); }
bool ResponseParser::done() const { return impl_->sink->is_done() && !impl_->sink->failure; }
const std::optional<ParseFailure>& ResponseParser::failure() const { return impl_->sink->failure; }
bool ResponseParser::keep_alive() const { return impl_->sink->keep_alive(); }
unsigned ResponseParser::status() const { return impl_->sink->status; }
Headers& ResponseParser::headers() { return impl_->sink->headers; }
std::string& ResponseParser::body() { return impl_->sink->body; }

}  // namespace tepui::http
