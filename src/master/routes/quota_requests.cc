#include "master/routes/quota_requests.h"

#include "daemon/await_callback.h"
#include "master/core/quota_config.h"
#include "wire/json.h"

namespace tepui::master {
namespace {

using http::Response;
using mesos::v1::master::Call;
using mesos::v1::quota::QuotaConfig;
using mesos::v1::quota::QuotaRequest;
using Only = QuotaUpdateRequested::Only;

Result<QuotaUpdateRequested> set_quota(const QuotaRequest& request) {
    QuotaConfig config = TEPUI_TRY(quota_config_of(request));
    return QuotaUpdateRequested{{}, {std::move(config)}, request.force(), Only::if_absent};
}

QuotaUpdateRequested remove_quota(std::string_view role) {
    QuotaConfig config;
    config.set_role(std::string(role));
    return {{}, {std::move(config)}, false, Only::if_present};
}

Error missing(std::string_view field) {
    return Error{Errc::invalid_argument, fmt::format("Expecting '{}' to be present", field)};
}

}  // namespace

Result<QuotaUpdateRequested> quota_update_of(const Call& call) {
    switch (call.type()) {
        case Call::UPDATE_QUOTA: {
            if (!call.has_update_quota()) return std::unexpected(missing("update_quota"));
            const auto& update = call.update_quota();
            return QuotaUpdateRequested{
                {},
                {update.quota_configs().begin(), update.quota_configs().end()},
                update.force(),
                Only::any};
        }
#pragma clang diagnostic push
#pragma clang diagnostic ignored "-Wdeprecated-declarations"  // Older clients.
        case Call::SET_QUOTA:
            if (!call.has_set_quota()) return std::unexpected(missing("set_quota"));
            return set_quota(call.set_quota().quota_request());
        case Call::REMOVE_QUOTA:
            if (!call.has_remove_quota()) return std::unexpected(missing("remove_quota"));
            return remove_quota(call.remove_quota().role());
#pragma clang diagnostic pop
        default: break;
    }
    return fail(Errc::invalid_argument, "{} changes no quota", Call::Type_Name(call.type()));
}

Result<QuotaUpdateRequested> posted_quota(std::string_view body) {
    QuotaRequest request;
    TEPUI_CHECK_OK(wire::json_to_message(body, request));
    return set_quota(request);
}

Result<QuotaUpdateRequested> deleted_quota(std::string_view path) {
    constexpr std::string_view base = "/quota/";
    const std::size_t at = path.find(base);
    std::string_view role;
    if (at != std::string_view::npos) role = path.substr(at + base.size());
    while (role.ends_with('/')) role.remove_suffix(1);
    if (role.empty()) {
        return fail(Errc::invalid_argument, "The path has to name the role: DELETE /quota/ROLE");
    }
    return remove_quota(role);
}

http::asio::awaitable<Response> answer_quota_update(CoreLoop& loop,
                                                    Result<QuotaUpdateRequested> wanted) {
    if (!wanted) co_return Response::error(wanted.error());
    auto start = [&loop, &wanted](std::function<void(Result<void>)> done) {
        loop.post_quota(std::move(*wanted), std::move(done));
    };
    const Result<void> result = co_await daemon::await_callback<Result<void>>(std::move(start));
    co_return result ? Response::empty(200) : Response::error(result.error());
}

}  // namespace tepui::master
