#pragma once

#include <functional>
#include <map>
#include <optional>
#include <string>
#include <vector>

#include "base/result.h"
#include "containerizer/fetcher/plan.h"

namespace tepui::containerizer::fetcher {

/// What libcurl is asked for.
struct Target {
    std::string url;
    std::string protocols;  // Of the first request; redirects are to http and https alone.
    std::vector<std::string> headers;
    std::string sigv4;  // "aws:amz:REGION:s3"; empty: not signed.
    std::string username;
    std::string password;
    /// Who the credentials are of: what one may read another's copy of may not be read by all.
    std::string identity;
    Source source = Source::http;

    bool operator==(const Target&) const = default;
};

/// Variables by name, of a task or of the agent.
using Variables = std::map<std::string, std::string>;

/// The URL and what goes with it for a source that is fetched by libcurl.
/// S3: region, endpoint and credentials are the AWS_* variables of `task`; those of `agent` where
/// the task has none. The agent's credentials go to no endpoint but the agent's own; without any
/// the request is not signed, as public buckets allow. WebHDFS: `user` is told as user.name. A port
/// of Hadoop's RPC (none, 8020, 9000) in an hdfs URI stands for the namenode's port 9870.
Result<Target> make_target(const FetchPlan& plan, const Variables& task, const Variables& agent,
                           const std::string& user);

/// A reason out of the body of an S3 or WebHDFS error; empty when there is none in it.
std::string error_reason(Source source, const std::string& body);

}  // namespace tepui::containerizer::fetcher
