#include "containerizer/images/challenge.h"

#include <curl/curl.h>

#include <algorithm>

namespace tepui::containerizer::images {
namespace {

bool is_token(char c) {
    constexpr std::string_view others = "!#$%&'*+-.^_`|~";
    return (c >= 'a' && c <= 'z') || (c >= 'A' && c <= 'Z') || (c >= '0' && c <= '9') ||
           others.find(c) != std::string_view::npos;
}

/// Takes words from the front of a header.
class Reader {
public:
    explicit Reader(std::string_view text) : rest_(text) {}

    bool at_end() const { return rest_.empty(); }
    void skip(std::string_view characters) {
        rest_.remove_prefix(std::min(rest_.find_first_not_of(characters), rest_.size()));
    }
    bool take(char c) {
        if (rest_.empty() || rest_.front() != c) return false;
        rest_.remove_prefix(1);
        return true;
    }
    std::string token() {
        std::string word;
        while (!rest_.empty() && is_token(rest_.front())) {
            word += rest_.front();
            rest_.remove_prefix(1);
        }
        return word;
    }
    std::string quoted() {  // Behind its first quote.
        std::string text;
        while (!rest_.empty()) {
            char c = rest_.front();
            rest_.remove_prefix(1);
            if (c == '"') break;
            if (c == '\\' && !rest_.empty()) {
                c = rest_.front();
                rest_.remove_prefix(1);
            }
            text += c;
        }
        return text;
    }
    void drop() {
        if (!rest_.empty()) rest_.remove_prefix(1);
    }

private:
    std::string_view rest_;
};

std::string lower(std::string text) {
    for (char& c : text)
        if (c >= 'A' && c <= 'Z') c = static_cast<char>(c - 'A' + 'a');
    return text;
}

}  // namespace

std::vector<Challenge> parse_challenges(std::string_view header) {
    std::vector<Challenge> challenges;
    Reader reader(header);
    while (!reader.at_end()) {
        reader.skip(" \t,");
        const std::string word = reader.token();
        if (word.empty()) {
            reader.drop();
            continue;
        }
        reader.skip(" \t");
        if (!reader.take('=')) {  // No parameter, so a scheme.
            challenges.push_back({lower(word), {}});
            continue;
        }
        reader.skip(" \t");
        const std::string value = reader.take('"') ? reader.quoted() : reader.token();
        if (!challenges.empty()) challenges.back().parameters[lower(word)] = value;
    }
    return challenges;
}

bool is_worth_retrying(long status) {
    return status == 408 || status == 429 || status == 500 || (status >= 502 && status <= 504);
}

Duration pause_before_retry(unsigned attempt, std::optional<Duration> retry_after, Duration least,
                            Duration most) {
    Duration pause = least;
    for (unsigned i = 1; i < attempt && pause < most; ++i) pause = pause + pause;
    if (retry_after && *retry_after > pause) pause = *retry_after;
    return std::min(pause, most);
}

std::optional<Duration> parse_retry_after(std::string_view header,
                                          std::chrono::system_clock::time_point now) {
    const std::string text(header);
    if (!text.empty() && text.size() < 9 &&
        std::ranges::all_of(text, [](char c) { return c >= '0' && c <= '9'; }))
        return std::chrono::seconds(std::stol(text));
    const std::time_t date = ::curl_getdate(text.c_str(), nullptr);
    if (date < 0) return std::nullopt;
    const auto wait = std::chrono::system_clock::from_time_t(date) - now;
    return std::max(std::chrono::duration_cast<Duration>(wait), Duration{});
}

}  // namespace tepui::containerizer::images
