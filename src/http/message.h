#pragma once

#include <cstdint>
#include <functional>
#include <memory>
#include <optional>
#include <span>
#include <string>
#include <string_view>
#include <utility>
#include <vector>

#include <boost/asio/awaitable.hpp>

#include "base/result.h"
#include "base/time.h"

namespace tepui::http {

namespace asio = boost::asio;

/// Header fields in order of arrival; names compare without case.
class Headers {
public:
    Headers() = default;
    Headers(std::initializer_list<std::pair<std::string, std::string>> fields) : fields_(fields) {}

    /// The first field of that name, or nothing.
    std::optional<std::string_view> find(std::string_view name) const;
    bool contains(std::string_view name) const { return find(name).has_value(); }
    void add(std::string name, std::string value);
    /// Replaces every field of that name.
    void set(std::string name, std::string value);
    const std::vector<std::pair<std::string, std::string>>& all() const { return fields_; }

private:
    std::vector<std::pair<std::string, std::string>> fields_;
};

/// The body of a request while it comes. Read it in the handler's own coroutine, before that
/// returns.
class BodyReader {
public:
    virtual ~BodyReader() = default;
    /// Some bytes (no relation to chunks), or an empty string at the end; fails when the peer left
    /// or sent what is not HTTP.
    virtual asio::awaitable<Result<std::string>> read() = 0;
};

struct Request {
    std::string method;  // Upper case: "GET".
    std::string target;  // As it came: "/files/read?path=%2Fa".
    std::string
        path;  // Percent-decoded path without query; always begins with '/', never has a NUL.
    std::vector<std::pair<std::string, std::string>> query;  // Decoded, in order.
    Headers headers;
    std::string body;    // Whole, with any Content-Encoding: gzip undone.
    std::string remote;  // "ip:port" of the peer.
    bool keep_alive = true;
    /// Instead of body, on routes that take uploads and for Content-Type application/recordio only:
    /// an interactive input that may stay open for hours, without limit of size or time.
    std::shared_ptr<BodyReader> upload;

    /// The first query parameter of that name.
    std::optional<std::string_view> query_value(std::string_view name) const;
};

/// Why a stream to a client ended, as its producer is told.
enum class StreamEnd : std::uint8_t { finished, peer_closed, too_slow, server_stopped };

/// The body of a response whose end is not known when it begins. Any thread may push; each pushed
/// string becomes exactly one HTTP chunk (clients rely on one RecordIO record being one chunk).
/// Not more than the server's limit of bytes is kept for a slow reader: beyond it the connection is
/// cut, and `on_end` is told too_slow.
class BodyStream {
public:
    virtual ~BodyStream() = default;
    /// False when the stream has ended; the chunk is dropped then. Never blocks.
    virtual bool push(std::shared_ptr<const std::string> chunk) = 0;
    bool push(std::string chunk) {
        return push(std::make_shared<const std::string>(std::move(chunk)));
    }
    /// Ends the body cleanly after what was pushed.
    virtual void finish() = 0;
    /// Called once, on an I/O thread, when the stream ended for whatever reason; at once if it has.
    virtual void on_end(std::function<void(StreamEnd)> callback) = 0;
};

/// Makes an unattached stream; the server binds it to the connection when it writes the response.
/// `bytes_max`: what may wait for a slow reader.
std::shared_ptr<BodyStream> make_body_stream(std::size_t bytes_max = std::size_t{16} << 20);

/// Both directions of a connection after an HTTP upgrade (101). Reads belong to one coroutine;
/// pushes may come from any thread and are bounded as BodyStream's are.
class Duplex {
public:
    virtual ~Duplex() = default;
    /// Some bytes, or an empty string at the end of the stream; fails when the connection broke.
    virtual asio::awaitable<Result<std::string>> read() = 0;
    virtual bool push(std::shared_ptr<const std::string> bytes) = 0;
    bool push(std::string bytes) {
        return push(std::make_shared<const std::string>(std::move(bytes)));
    }
    /// Closes both directions at once; a pending read fails. Any thread.
    virtual void close() = 0;
    virtual std::string remote() const = 0;
};

class LaterResponse;  // http/later.h

struct Response {
    unsigned status = 200;
    Headers headers;
    /// The body; shared, so that one rendering may serve many readers. Compressed on the way out
    /// when the client accepts gzip and the body has 1,024 bytes or more.
    std::shared_ptr<const std::string> body;
    /// Instead of body: a stream (chunked, never compressed).
    std::shared_ptr<BodyStream> stream;
    /// Instead of both, with status 101: takes the connection over once the head is written.
    std::function<void(std::shared_ptr<Duplex>)> upgrade;
    /// Instead of all others: the answer comes later, from any thread. Until then the connection
    /// takes the requests that the client sent behind this one; answers keep the requests' order.
    std::shared_ptr<LaterResponse> later;

    static Response text(unsigned status, std::string body);  // text/plain; charset=utf-8
    static Response json(std::string body, unsigned status = 200);
    static Response json(std::shared_ptr<const std::string> body);
    static Response empty(unsigned status);
    /// The status that fits the error's code, its text as the body.
    static Response error(const Error& error);
};

/// The reason phrase of a status: "Not Found".
std::string_view reason_phrase(unsigned status);

/// Undoes %XX and, in query text, '+'. Fails on a broken escape or a NUL.
Result<std::string> percent_decode(std::string_view text, bool plus_is_space = false);
/// Escapes everything but unreserved characters (RFC 3986).
std::string percent_encode(std::string_view text);
/// Splits "a=1&b=2" (a query or a form body) into decoded pairs.
Result<std::vector<std::pair<std::string, std::string>>> parse_query(std::string_view text);

}  // namespace tepui::http
