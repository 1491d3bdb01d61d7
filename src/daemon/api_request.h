#pragma once

#include <expected>
#include <memory>
#include <set>
#include <string>
#include <string_view>

#include <google/protobuf/message.h>

#include "http/message.h"
#include "wire/media.h"

namespace tepui::daemon {

/// What a check gives: a value, or the response that refuses the request.
template <typename T>
using Checked = std::expected<T, http::Response>;

/// The checks that the v1 APIs share, in the order of endpoints.md section 9. Statuses are Mesos',
/// texts our own.

/// 400 without Content-Type, 415 when it is none of the two encodings. Compared exactly, as Mesos
/// does: parameters such as charset are refused.
Checked<wire::Media> check_content_type(const http::Request& request);
/// 400 when the body is not a `call`, or its `type` is missing or unknown, or a field that must go
/// with this type is not set: the one named like the type in lower case, if the message has one and
/// `optional_bodies` does not list it.
Checked<void> decode_call(const http::Request& request, wire::Media media,
                          google::protobuf::Message& call,
                          const std::set<std::string_view>& optional_bodies = {});
/// 406 when neither encoding is acceptable.
Checked<wire::Media> check_accept(const http::Request& request);

/// All three for an operator call, in their order; gives the encoding of the answer.
Checked<wire::Media> check_operator_call(const http::Request& request,
                                         google::protobuf::Message& call,
                                         const std::set<std::string_view>& optional_bodies = {});

/// An answer of an operator API in the given encoding.
http::Response api_response(wire::Media media, std::shared_ptr<const std::string> body);
/// Mesos says nothing beside the status when there is no such thing.
http::Response api_error(const Error& error);

/// A call's type as its field is named: "GET_STATE" in lower case.
std::string lower_case(std::string_view text);

std::unexpected<http::Response> refuse(unsigned status, std::string text);

}  // namespace tepui::daemon
