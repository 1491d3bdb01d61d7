#include "agent/master_detector.h"

namespace tepui::agent {

Result<FixedDetector> FixedDetector::parse(std::string_view text) {
    std::vector<http::Url> masters;
    while (!text.empty()) {
        const std::size_t comma = text.find(',');
        const std::string_view part = text.substr(0, comma);
        text = comma == std::string_view::npos ? std::string_view{} : text.substr(comma + 1);
        if (part.empty()) continue;
        const auto url = http::parse_url(part);
        if (!url) return fail_with("--master", url.error());
        masters.push_back(*url);
    }
    if (masters.empty()) {
        return fail(Errc::invalid_argument,
                    "no master is given: say --master=HOST:PORT, several with commas between them");
    }
    return FixedDetector(std::move(masters));
}

std::optional<http::Url> FixedDetector::leader() {
    return told_ ? *told_ : masters_[next_ % masters_.size()];
}

void FixedDetector::redirected(http::Url to) { told_ = std::move(to); }

void FixedDetector::failed() {
    // A leader that was told is forgotten first: those who told of it may know better by now.
    if (told_) {
        told_.reset();
    } else {
        next_ = (next_ + 1) % masters_.size();
    }
}

}  // namespace tepui::agent
