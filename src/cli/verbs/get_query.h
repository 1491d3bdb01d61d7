#pragma once

#include <set>
#include <string>
#include <vector>

#include "cli/client/master_api.h"
#include "cli/console.h"
#include "cli/output/format.h"
#include "cli/verbs/get_tables.h"

namespace tepui::cli {

/// What a person asks of `get`.
struct GetQuery {
    std::string kind;                 // One of get_kinds().
    std::vector<std::string> wanted;  // Ids, beginnings of ids or names; all if empty.
    bool all = false;                 // Also what has ended.
    OutputFormat format;
};

const std::vector<std::string>& get_kinds();

/// What the kind needs of the master.
asio::awaitable<Result<ClusterView>> load_view(MasterApi& master, std::string kind);

/// Its rows, chosen; fails with not_found as select() does.
Result<Listing> list_view(const ClusterView& view, const GetQuery& query);

/// The rows in the format asked for. In `json` an array.
Result<std::string> render_listing(const Listing& listing, const OutputFormat& format, bool color);

/// Prints them so; a table without rows says `none` on the error stream instead.
Outcome print_listing(const Console& console, const Listing& listing, const OutputFormat& format,
                      const std::string& what, std::string_view none);

/// Which rows `get -w` prints: those that are new or changed since the last look. What has ended
/// counts only once it was seen alive, unless the query wants all. Pure.
class WatchedRows {
public:
    explicit WatchedRows(const GetQuery& query) : query_(query) {}

    /// Fails only at the first look, as list_view() does.
    Result<Listing> changed(const ClusterView& view);

private:
    GetQuery query_;
    std::map<std::string, std::string> seen_;  // What was shown last, by id.
    bool looked_ = false;
};

/// `get -w`: draws again when the event stream tells of a change; what the stream does not tell is
/// looked at every two seconds. Ends only with a failure.
asio::awaitable<Outcome> watch_listing(MasterApi& master, const Console& console, GetQuery query);

}  // namespace tepui::cli
