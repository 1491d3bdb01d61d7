#pragma once

#include <cstdint>
#include <string>
#include <string_view>

namespace tepui::http {

/// A blocking TCP client that sends and shows bytes as they are. Every wait ends after 10 s at the
/// latest; what came until then is returned, so that a test shows it.
class RawClient {
public:
    /// `receive_buffer_bytes` (0: the system's default) makes a reader that is easily too slow.
    explicit RawClient(std::uint16_t port, int receive_buffer_bytes = 0);
    ~RawClient();
    RawClient(const RawClient&) = delete;
    RawClient& operator=(const RawClient&) = delete;

    /// False when the peer closed.
    bool send(std::string_view bytes);
    void close_sending();
    void close();
    /// Reads until what was received and not yet returned contains `text`; returns it through
    /// there.
    std::string read_until(std::string_view text);
    /// Reads exactly so many bytes.
    std::string read(std::size_t bytes);
    /// Reads to the end of the stream.
    std::string read_all();
    /// One whole response with Content-Length: head and body.
    std::string read_response();
    /// Waits for the peer to close; true when it did and sent nothing more.
    bool is_closed();

private:
    bool receive();
    int socket_ = -1;
    std::string received_;
};

/// The body of a raw response.
std::string body_of(std::string_view response);

}  // namespace tepui::http
