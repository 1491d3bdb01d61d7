#pragma once

#include <cstdint>
#include <memory>
#include <optional>
#include <string>
#include <string_view>

#include "http/message.h"

/// Incremental HTTP/1.x parsers over bytes in memory; no sockets, so that tests and the fuzzer feed
/// them what the server reads. Private to the module.
namespace tepui::http {

/// Why a message cannot be served: the status a server answers with, and the sentence for it.
struct ParseFailure {
    unsigned status = 400;
    std::string text;
};

struct ParseLimits {
    std::size_t head_bytes_max = std::size_t{64} << 10;
    std::size_t body_bytes_max = std::size_t{64} << 20;  // As sent, and again when inflated.
};

/// Parses requests one after another. Feed bytes until done() or failure(); take() the request;
/// then reset(). Never throws on any bytes (but std::bad_alloc).
class RequestParser {
public:
    explicit RequestParser(ParseLimits limits);
    ~RequestParser();
    RequestParser(const RequestParser&) = delete;
    RequestParser& operator=(const RequestParser&) = delete;

    /// Ready for the next message.
    void reset();
    /// Uses up a prefix of `bytes` and tells its length. What is left over must come again with
    /// more bytes behind it, until done(), when it belongs to the next message.
    std::size_t feed(std::string_view bytes);

    bool head_done() const;
    bool done() const;
    const std::optional<ParseFailure>& failure() const;
    /// Valid once head_done(): the client waits for "100 Continue" before it sends the body.
    bool expects_continue() const;
    /// The client asked for the body to be handed on while it comes: application/recordio, not
    /// gzip.
    bool wants_upload() const;
    bool is_http10() const;
    /// The request without its body; valid once head_done() and until take().
    const Request& head() const;
    /// Moves the request out, with its body.
    Request take();
    /// Moves out what came of the body since the last call; with lift_body_limit(), a body may so
    /// be read that has no end in sight.
    std::string take_body();
    void lift_body_limit();
    /// Undoes gzip in the whole body; sets failure() when that is not possible. After done().
    void decode_body();

private:
    class Impl;
    std::unique_ptr<Impl> impl_;
};

/// The same for responses.
class ResponseParser {
public:
    explicit ResponseParser(ParseLimits limits);
    ~ResponseParser();
    ResponseParser(const ResponseParser&) = delete;
    ResponseParser& operator=(const ResponseParser&) = delete;

    /// `to_head`: the response answers a HEAD request and has no body whatever its fields say.
    void reset(bool to_head);
    std::size_t feed(std::string_view bytes);
    /// The peer closed: ends a body that has no length, or fails.
    void feed_end();

    bool head_done() const;
    bool done() const;
    const std::optional<ParseFailure>& failure() const;
    /// Whether the connection may carry another exchange; valid once done().
    bool keep_alive() const;
    unsigned status() const;
    Headers& headers();
    /// What came of the body since it was last moved out.
    std::string& body();

private:
    class Impl;
    std::unique_ptr<Impl> impl_;
};

}  // namespace tepui::http
