#pragma once

#include <memory>
#include <string>

#include "http/message.h"

namespace tepui::daemon {

/// `body` as JSON, or wrapped as the request's `jsonp` asks when it is read with GET; 400 when that
/// is no function name.
http::Response json_response(const http::Request& request, std::shared_ptr<const std::string> body);
http::Response json_response(const http::Request& request, std::string body);

}  // namespace tepui::daemon
