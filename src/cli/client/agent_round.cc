#include "cli/client/agent_round.h"

#include <memory>

#include <boost/asio/co_spawn.hpp>
#include <boost/asio/detached.hpp>
#include <boost/asio/redirect_error.hpp>
#include <boost/asio/steady_timer.hpp>
#include <boost/asio/use_awaitable.hpp>

#include "cli/client/find_task.h"

namespace tepui::cli {

namespace {

constexpr std::size_t at_once = 16;

class Round {
public:
    Round(http::Client& client, const mesos::v1::master::Response& agents, std::string target)
        : client_(client), target_(std::move(target)) {
        for (const auto& agent : agents.get_agents().agents()) {
            const std::string& id = agent.agent_info().id().value();
            const auto address = agent_address(agents, id);
            if (!address || !agent.active()) continue;
            answers_[id] = {agent.agent_info().hostname(), *address};
            waiting_.push_back(id);
        }
    }

    asio::awaitable<std::map<std::string, AgentAnswer>> run() {
        const auto executor = co_await asio::this_coro::executor;
        done_ = std::make_unique<asio::steady_timer>(executor);
        done_->expires_at(asio::steady_timer::time_point::max());
        running_ = std::min(at_once, waiting_.size());
        for (std::size_t i = running_; i > 0; --i) {
            asio::co_spawn(executor, work(), asio::detached);
        }
        boost::system::error_code ignored;
        while (running_ > 0) {
            co_await done_->async_wait(asio::redirect_error(asio::use_awaitable, ignored));
        }
        co_return std::move(answers_);
    }

private:
    asio::awaitable<void> work() {
        while (!waiting_.empty()) {
            const std::string id = waiting_.back();
            waiting_.pop_back();
            AgentFiles agent(client_, answers_[id].address);
            auto answer = co_await agent.get(target_);
            answers_[id].answer = std::move(answer);
        }
        if (--running_ == 0) done_->cancel();
    }

    http::Client& client_;
    const std::string target_;
    std::vector<std::string> waiting_;
    std::map<std::string, AgentAnswer> answers_;
    std::size_t running_ = 0;
    std::unique_ptr<asio::steady_timer> done_;
};

}  // namespace

asio::awaitable<std::map<std::string, AgentAnswer>> ask_agents(
    http::Client& client, const mesos::v1::master::Response& agents, std::string target) {
    Round round(client, agents, std::move(target));
    auto answers = co_await round.run();
    co_return answers;
}

}  // namespace tepui::cli
