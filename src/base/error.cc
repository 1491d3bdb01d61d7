#include "base/error.h"

namespace tepui {

std::string_view to_string(Errc code) {
    switch (code) {
        case Errc::invalid_argument: return "invalid_argument";
        case Errc::unauthenticated: return "unauthenticated";
        case Errc::denied: return "denied";
        case Errc::not_found: return "not_found";
        case Errc::conflict: return "conflict";
        case Errc::too_large: return "too_large";
        case Errc::unsupported: return "unsupported";
        case Errc::not_leader: return "not_leader";
        case Errc::unavailable: return "unavailable";
        case Errc::timeout: return "timeout";
        case Errc::cancelled: return "cancelled";
        case Errc::io: return "io";
        case Errc::corrupt: return "corrupt";
        case Errc::internal: return "internal";
    }
    return "internal";
}

}  // namespace tepui
