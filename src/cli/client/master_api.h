#pragma once

#include <memory>
#include <string>

#include "cli/console.h"
#include "cli/exit_code.h"
#include "cli/flags/flag.h"
#include "http/client.h"
#include "mesos/v1/master/master.pb.h"

namespace tepui::cli {

namespace asio = boost::asio;

/// The public HTTP API of a master. Follows redirects to the leader and stays with it. Belongs to
/// its Client's strand.
class MasterApi {
public:
    MasterApi(http::Client& client, http::Url master)
        : client_(client), master_(std::move(master)) {}

    /// One exchange at `request.url.target`; host and port are filled in here. Any final status is
    /// a success. Fails with io (the text names the master) when it cannot be reached.
    asio::awaitable<Result<http::Response>> request(http::ClientRequest request);
    /// The same for a body that goes on; fails as status_error does unless the status is 200.
    asio::awaitable<Result<std::unique_ptr<http::ClientStream>>> open(http::ClientRequest request);
    /// One operator call; fails as status_error does.
    asio::awaitable<Result<mesos::v1::master::Response>> call(mesos::v1::master::Call call);
    /// The same for a call without fields.
    asio::awaitable<Result<mesos::v1::master::Response>> call(mesos::v1::master::Call::Type type);

    /// "host:port" of the master asked last.
    std::string address() const;

private:
    bool follow(const http::Headers& headers);

    http::Client& client_;
    http::Url master_;
};

/// What a status that is not a success means: 400 invalid_argument, 401 unauthenticated, 403
/// denied, 404 not_found, 409 conflict, 307 and 503 unavailable, others internal. The body is the
/// text.
Error status_error(unsigned status, std::string_view body);

/// The --master flag that client verbs share, with TEPUI_MASTER as its variable.
Flag master_flag();
/// Reads it: "host:port" or "host", http:// in front allowed; the port is 5050 unless said.
Result<http::Url> master_url(const Parsed& parsed);

/// Runs one client verb's coroutine on a loop of its own, to its end. `body` gets an API for the
/// master that the flags name.
Outcome with_master(const Parsed& parsed, const std::string& verb,
                    std::function<asio::awaitable<Outcome>(http::Client&, MasterApi&)> body);

/// The failure of a verb that asked the master: adds who was asked, and what to try.
std::unexpected<Failure> master_failure(const std::string& verb, const MasterApi& master,
                                        const Error& error);

}  // namespace tepui::cli
