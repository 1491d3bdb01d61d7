#pragma once

#include <string>

#include "http/message.h"
#include "master/core_loop.h"
#include "master/explanations.h"
#include "master/routes/reader.h"

// Explanations and outstanding offers, which Mesos does not have: /tepui/explain, /tepui/offers,
// /tepui/rescind-offer. Amounts are objects of resource name to number; times are seconds.
namespace tepui::master {

/// `now`: of the explanation, to which ends of filters are relative.
std::string render_explanation(const ExplainedRole& role, Instant now);
std::string render_explanation(const ExplainedFramework& framework, Instant now);
std::string render_explanation(const ExplainedAgent& agent, Instant now);
std::string render_held_offers(const std::vector<HeldOffer>& offers);

/// 400 unless exactly one of `role`, `framework` and `agent` is given; 404, 409 as explanations.h.
asio::awaitable<http::Response> answer_explain(Reader& reader, http::Request request);
asio::awaitable<http::Response> answer_offers(Reader& reader, http::Request request);
/// 400 for a body that is no list of ids; 404 names offers that are not outstanding, and then
/// none is taken back.
asio::awaitable<http::Response> answer_rescind_offer(CoreLoop& loop, http::Request request);

}  // namespace tepui::master
