#pragma once

#include <curl/curl.h>
#include <netinet/in.h>
#include <sys/socket.h>

namespace tepui::containerizer {

/// Whether the address is link-local (RFC 3927, RFC 4291), also as an IPv4 one in IPv6: there
/// clouds keep credentials.
inline bool is_link_local(const curl_sockaddr& address) {
    if (address.family == AF_INET) {
        const auto& v4 = reinterpret_cast<const sockaddr_in&>(address.addr);
        return (ntohl(v4.sin_addr.s_addr) >> 16) == 0xA9FE;  // 169.254.0.0/16
    }
    if (address.family != AF_INET6) return false;
    const in6_addr& v6 = reinterpret_cast<const sockaddr_in6&>(address.addr).sin6_addr;
    if (IN6_IS_ADDR_V4MAPPED(&v6)) return v6.s6_addr[12] == 169 && v6.s6_addr[13] == 254;
    return IN6_IS_ADDR_LINKLOCAL(&v6) != 0;
}

}  // namespace tepui::containerizer
