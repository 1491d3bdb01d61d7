#include "master/routes/operation_requests.h"

#include "daemon/await_callback.h"
#include "http/message.h"
#include "resources/resources.h"
#include "wire/json.h"

namespace tepui::master {
namespace {

using http::Response;
using mesos::v1::master::Call;
using Operation = mesos::v1::Offer::Operation;

Error missing(std::string_view field) {
    return Error{Errc::invalid_argument, fmt::format("Expecting '{}' to be present", field)};
}

/// The list in the call's mapping, whose elements may be in either form.
Result<ResourceList> resource_list(std::string_view name, std::string_view text) {
    const std::size_t begin = text.find_first_not_of(" \t\r\n");
    if (begin == std::string_view::npos || text[begin] != '[') {
        return fail(Errc::invalid_argument,
                    R"('{}' has to be a JSON list of resources: [{{"name": "cpus", ...}}])", name);
    }
    Operation::Unreserve list;
    const auto read = wire::json_to_message(fmt::format(R"({{"resources":{}}})", text), list);
    if (!read) return fail_with(fmt::format("'{}'", name), read.error());
    return std::move(*list.mutable_resources());
}

using Form = std::map<std::string, std::string>;

Result<ResourceList> resources_of(const Form& form, const std::string& name) {
    const auto it = form.find(name);
    if (it == form.end()) {
        return fail(Errc::invalid_argument, "The form needs '{}'", name);
    }
    return resource_list(name, it->second);
}

Result<Operation> operation_of(Operation::Type type, const Form& form) {
    Operation operation;
    operation.set_type(type);
    switch (type) {
        case Operation::RESERVE:
            *operation.mutable_reserve()->mutable_resources() =
                TEPUI_TRY(resources_of(form, "resources"));
            if (form.contains("source")) {
                *operation.mutable_reserve()->mutable_source() =
                    TEPUI_TRY(resources_of(form, "source"));
            }
            break;
        case Operation::UNRESERVE:
            *operation.mutable_unreserve()->mutable_resources() =
                TEPUI_TRY(resources_of(form, "resources"));
            break;
        case Operation::CREATE:
            *operation.mutable_create()->mutable_volumes() =
                TEPUI_TRY(resources_of(form, "volumes"));
            break;
        case Operation::DESTROY:
            *operation.mutable_destroy()->mutable_volumes() =
                TEPUI_TRY(resources_of(form, "volumes"));
            break;
        default: return fail(Errc::invalid_argument, "{} has no form", Operation::Type_Name(type));
    }
    return operation;
}

OperationRequested request(const mesos::v1::AgentID& agent, Operation operation) {
    return {{}, AgentId{agent.value()}, std::move(operation), std::nullopt};
}

Result<OperationRequested> resize(const Call& call) {
    Operation operation;
    if (call.type() == Call::GROW_VOLUME) {
        if (!call.has_grow_volume()) return std::unexpected(missing("grow_volume"));
        operation.set_type(Operation::GROW_VOLUME);
        *operation.mutable_grow_volume()->mutable_volume() = call.grow_volume().volume();
        *operation.mutable_grow_volume()->mutable_addition() = call.grow_volume().addition();
        return request(call.grow_volume().agent_id(), std::move(operation));
    }
    if (!call.has_shrink_volume()) return std::unexpected(missing("shrink_volume"));
    operation.set_type(Operation::SHRINK_VOLUME);
    *operation.mutable_shrink_volume()->mutable_volume() = call.shrink_volume().volume();
    *operation.mutable_shrink_volume()->mutable_subtract() = call.shrink_volume().subtract();
    return request(call.shrink_volume().agent_id(), std::move(operation));
}

}  // namespace

Result<OperationRequested> operation_request_of(const Call& call) {
    Operation operation;
    switch (call.type()) {
        case Call::RESERVE_RESOURCES: {
            if (!call.has_reserve_resources()) return std::unexpected(missing("reserve_resources"));
            const auto& wanted = call.reserve_resources();
            operation.set_type(Operation::RESERVE);
            *operation.mutable_reserve()->mutable_source() = wanted.source();
            *operation.mutable_reserve()->mutable_resources() = wanted.resources();
            return request(wanted.agent_id(), std::move(operation));
        }
        case Call::UNRESERVE_RESOURCES: {
            if (!call.has_unreserve_resources())
                return std::unexpected(missing("unreserve_resources"));
            const auto& wanted = call.unreserve_resources();
            operation.set_type(Operation::UNRESERVE);
            *operation.mutable_unreserve()->mutable_resources() = wanted.resources();
            return request(wanted.agent_id(), std::move(operation));
        }
        case Call::CREATE_VOLUMES: {
            if (!call.has_create_volumes()) return std::unexpected(missing("create_volumes"));
            const auto& wanted = call.create_volumes();
            operation.set_type(Operation::CREATE);
            *operation.mutable_create()->mutable_volumes() = wanted.volumes();
            return request(wanted.agent_id(), std::move(operation));
        }
        case Call::DESTROY_VOLUMES: {
            if (!call.has_destroy_volumes()) return std::unexpected(missing("destroy_volumes"));
            const auto& wanted = call.destroy_volumes();
            operation.set_type(Operation::DESTROY);
            *operation.mutable_destroy()->mutable_volumes() = wanted.volumes();
            return request(wanted.agent_id(), std::move(operation));
        }
        case Call::GROW_VOLUME:
        case Call::SHRINK_VOLUME: return resize(call);
        default: break;
    }
    return fail(Errc::invalid_argument, "{} converts no resources", Call::Type_Name(call.type()));
}

Result<OperationRequested> posted_operation(Operation::Type type, std::string_view body) {
    Form form;
    for (auto& [name, value] : TEPUI_TRY(http::parse_query(body))) {
        form.insert_or_assign(name, value);
    }
    if (form["slaveId"].empty()) {
        return fail(Errc::invalid_argument, "The form needs the agent's id as 'slaveId'");
    }
    mesos::v1::AgentID agent;
    agent.set_value(form["slaveId"]);
    return request(agent, TEPUI_TRY(operation_of(type, form)));
}

http::asio::awaitable<Response> answer_operation(CoreLoop& loop,
                                                 Result<OperationRequested> wanted) {
    if (!wanted) co_return Response::text(400, wanted.error().text);
    auto start = [&loop, &wanted](std::function<void(Result<void>)> done) {
        loop.post_operation(std::move(*wanted), std::move(done));
    };
    const Result<void> result = co_await daemon::await_callback<Result<void>>(std::move(start));
    if (result) co_return Response::empty(202);
    // An agent that is not known is a bad request, as recorded.
    if (result.error().code == Errc::not_found) co_return Response::text(400, result.error().text);
    co_return Response::error(result.error());
}

}  // namespace tepui::master
