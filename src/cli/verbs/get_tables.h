#pragma once

#include <set>
#include <string>
#include <vector>

#include "base/result.h"
#include "cli/table.h"
#include "cli/view/text.h"
#include "mesos/v1/master/master.pb.h"

namespace tepui::cli {

/// What `get` shows: the answers of the operator API that a kind needs, filled as far as needed.
struct ClusterView {
    mesos::v1::master::Response agents;
    mesos::v1::master::Response frameworks;
    mesos::v1::master::Response tasks;
    mesos::v1::master::Response roles;
    mesos::v1::master::Response executors;
};

/// One object of a kind: its id (for `-o name` and to select by), row and JSON.
struct Listed {
    std::string id;
    std::string name;  // A second word that selects it; may be empty.
    std::vector<Table::Cell> row;
    std::string json;  // The message of the v1 API, in its JSON mapping.
};

struct Listing {
    std::vector<Table::Column> columns;
    std::vector<Listed> items;
};

/// Rows in the order of the answer; `wide` adds columns. Pure.
Listing list_agents(const ClusterView& view, bool wide);
Listing list_frameworks(const ClusterView& view, bool wide, bool all);
/// Without `all` only tasks that have not ended.
Listing list_tasks(const ClusterView& view, bool wide, bool all);
Listing list_offers(const ClusterView& view, bool wide);
Listing list_roles(const ClusterView& view, bool wide);
Listing list_executors(const ClusterView& view, bool wide);

/// Leaves the items whose id begins with, or whose name is, one of `wanted`; all if that is empty.
/// Fails with not_found, naming the first word that selects nothing.
Result<Listing> select(Listing listing, const std::vector<std::string>& wanted,
                       const std::string& kind);

}  // namespace tepui::cli
