#pragma once

#include <optional>
#include <string_view>
#include <vector>

#include "base/result.h"
#include "http/client.h"

namespace tepui::agent {

/// Knows which master to connect to. One thread at a time.
class MasterDetector {
public:
    virtual ~MasterDetector() = default;
    /// Whom to try next; nothing while no leader is known.
    virtual std::optional<http::Url> leader() = 0;
    /// The master tried answered that this one leads.
    virtual void redirected(http::Url to) = 0;
    /// The one tried can't be reached, or is not to be trusted.
    virtual void failed() = 0;
};

/// Masters at fixed addresses: goes round them, follows the leader's address when one tells it, and
/// starts over when that one fails.
class FixedDetector final : public MasterDetector {
public:
    /// Reads "host:port[,host:port...]".
    static Result<FixedDetector> parse(std::string_view text);

    std::optional<http::Url> leader() override;
    void redirected(http::Url to) override;
    void failed() override;

private:
    explicit FixedDetector(std::vector<http::Url> masters) : masters_(std::move(masters)) {}

    std::vector<http::Url> masters_;
    std::size_t next_ = 0;
    std::optional<http::Url> told_;
};

}  // namespace tepui::agent
