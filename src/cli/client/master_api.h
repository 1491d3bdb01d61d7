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
    /// a success. Without an answer it fails as Client::request() does, mostly with io or timeout;
    /// the text names the master.
    asio::awaitable<Result<http::Response>> request(http::ClientRequest request);
    /// The same, and the answer's body, "" if it has none; fails as status_error does unless the
    /// status is 200 or 202.
    asio::awaitable<Result<std::string>> ask(http::ClientRequest request);
    /// The same for a body that goes on; fails as status_error does unless the status is 200.
    asio::awaitable<Result<std::unique_ptr<http::ClientStream>>> open(http::ClientRequest request);
    /// One operator call; fails as status_error does.
    asio::awaitable<Result<mesos::v1::master::Response>> call(mesos::v1::master::Call call);
    /// The same for a call without fields.
    asio::awaitable<Result<mesos::v1::master::Response>> call(mesos::v1::master::Call::Type type);

    /// "host:port" of the master asked last.
    std::string address() const;

private:
    asio::awaitable<Result<http::Response>> accepted(http::ClientRequest request);
    bool follow(const http::Headers& headers);

    http::Client& client_;
    http::Url master_;
};

/// What a status that is not a success means: 400 invalid_argument, 401 unauthenticated, 403
/// denied, 404 not_found, 409 conflict, 307 and 503 unavailable, others internal. The body is the
/// text.
Error status_error(unsigned status, std::string_view body);
Error status_error(const http::Response& response);

/// A request with a JSON body, for MasterApi::ask().
http::ClientRequest json_request(std::string method, std::string target, std::string body);

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

/// How a verb ends whose MasterApi::ask() failed: as the failure of `verb` when the master did not
/// answer, else with the master's words on why it refused `what`; `next` helps then.
std::unexpected<Failure> ask_failure(const std::string& verb, std::string what,
                                     const MasterApi& master, const Error& error, std::string next);

/// The same for MasterApi::call(). An answer that is overdue is no failure of the master here: what
/// was asked may have been done, and `next` shows it.
std::unexpected<Failure> call_failure(const std::string& what, const MasterApi& master,
                                      const Error& error, std::string next);

}  // namespace tepui::cli
