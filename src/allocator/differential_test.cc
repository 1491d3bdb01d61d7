// Random traces through the allocator and through the reference: every round must give the same.
#include <gtest/gtest.h>
#include <rapidcheck/gtest.h>

#include "allocator/allocator.h"
#include "allocator/allocator_testing.h"
#include "allocator/explain_testing.h"
#include "allocator/reference_testing.h"
#include "base/prng.h"
#include "mesos/v1/scheduler/scheduler.pb.h"
#include "resources/entry.h"

namespace tepui::allocator {
namespace {

struct Command {
    int verb = 0;
    int a = 0;
    int b = 0;
    int c = 0;
};

void showValue(const Command& command, std::ostream& out) {
    out << "{" << command.verb << "," << command.a << "," << command.b << "," << command.c << "}";
}

rc::Gen<Command> gen_command() {
    const auto any = [](int bound) { return rc::gen::resize(100, rc::gen::inRange(0, bound)); };
    return rc::gen::build<Command>(
        rc::gen::set(&Command::verb, any(31)), rc::gen::set(&Command::a, any(8)),
        rc::gen::set(&Command::b, any(64)), rc::gen::set(&Command::c, any(64)));
}

const std::vector<Resources>& catalogue() {
    static const std::vector<Resources> all = [] {
        const auto refined =
            R"([{"name":"cpus","type":"SCALAR","scalar":{"value":2},"reservations":[
            {"type":"STATIC","role":"a"},{"type":"DYNAMIC","role":"a/b"}]},
            {"name":"mem","type":"SCALAR","scalar":{"value":256}}])";
        const auto revocable =
            R"([{"name":"cpus","type":"SCALAR","scalar":{"value":2},"revocable":{}}])";
        const auto shared = R"([{"name":"disk","type":"SCALAR","scalar":{"value":64},"shared":{},
            "reservations":[{"type":"DYNAMIC","role":"a"}],"disk":{"persistence":{"id":"v"},
            "volume":{"container_path":"d","mode":"RW"}}}])";
        return std::vector<Resources>{
            of("cpus:4;mem:1024;ports:[31000-31009]"),
            of("cpus:2;mem:512;cpus(a):1;mem(a):64"),
            of("cpus:8;mem:4096;gpus:2"),
            of("cpus:1;mem:64") + of(revocable),
            of("cpus:2;cpus(a):1;mem:64") + of(shared),
            of(refined),
            of("disk:100;ports:[1-2]"),
            of("cpus(c):1;mem(c):32;cpus(a/b):1;cpus:0.005"),
        };
    }();
    return all;
}

std::set<std::string> pick_roles(int bits) {
    static const char* const roles[] = {"*", "a", "a/b", "a/b/x", "c", "b/d"};
    std::set<std::string> picked;
    for (int i = 0; i < 6; ++i) {
        if (bits >> i & 1) picked.insert(roles[i]);
    }
    return picked;
}

class Trace {
public:
    explicit Trace(Options options) : allocator_(options), reference_(options) {}

    void run(const Command& command) {
        const FrameworkId framework("f" + std::to_string(command.a % 5));
        const AgentId agent("s" + std::to_string(command.a % 6));
        switch (command.verb) {
            case 0:
            case 1:
                return on_frameworks(
                    [&](auto& x) { x.add_framework(client(command), command.c % 8 != 0); });
            case 2: return on_frameworks([&](auto& x) { x.update_framework(client(command)); });
            case 3:
                allocator_.activate_framework(framework);
                return reference_.set_framework_active(framework, true);
            case 4:
                allocator_.deactivate_framework(framework);
                return reference_.set_framework_active(framework, false);
            case 5: return remove_framework(framework);
            case 6:
            case 7:
            case 8: return add_agent(command, agent);
            case 9: return update_agent(command, agent);
            case 10: return remove_agent(agent);
            case 11:
                allocator_.activate_agent(agent);
                return reference_.set_agent_active(agent, true);
            case 12:
                allocator_.deactivate_agent(agent);
                return reference_.set_agent_active(agent, false);
            case 13: return track(command, agent);
            case 14:
                return on_frameworks([&](auto& x) { x.revive(framework, pick_roles(command.b)); });
            case 15:
                return on_frameworks(
                    [&](auto& x) { x.suppress(framework, pick_roles(command.b)); });
            case 16:
                return on_frameworks([&](auto& x) {
                    x.set_weight(*pick_roles(1 << command.b % 6).begin(), 1 + command.c % 3);
                });
            case 24:
            case 25: return set_quota(command);
            case 26: return list(command);
            case 27: return update_info(command, agent);
            case 28: return pause(command);
            case 29:
                return on_frameworks([&](auto& x) {
                    x.set_band(*pick_roles(1 << command.b % 6).begin(), command.c % 3 - 1);
                });
            case 30:
                return on_frameworks([&](auto& x) {
                    x.keep_for(agent, command.c % 2 ? *pick_roles(1 << command.b % 6).begin() : "");
                });
            case 17:
            case 18:
            case 19:
            case 20: return recover(command);
            default: return allocate(command);
        }
    }

private:
    template <typename Use>
    void on_frameworks(Use use) {
        use(allocator_);
        use(reference_);
    }

    static Client client(const Command& command) {
        Client client{
            FrameworkId("f" + std::to_string(command.a % 5)), pick_roles(command.b), {}, {}};
        if (client.roles.empty()) client.roles.insert("*");
        client.suppressed_roles = pick_roles(command.b & command.c & command.a);
        client.capabilities = {true,
                               (command.c & 1) != 0,
                               (command.c & 2) != 0,
                               (command.c & 4) != 0,
                               (command.c & 8) != 0,
                               (command.c & 16) != 0};
        if (command.c % 5 == 0 && !client.roles.empty()) {
            client.constraints.emplace(*client.roles.begin(), wish(command.b));
        }
        if (command.c % 7 == 0 && !client.roles.empty()) {
            client.min_allocatable[*client.roles.rbegin()] = minimum(command.b);
        }
        return client;
    }

    static RoleConstraints wish(int kind) {
        mesos::v1::scheduler::OfferConstraints constraints;
        auto& condition = *(*constraints.mutable_role_constraints())["a"]
                               .add_groups()
                               ->add_attribute_constraints();
        if (kind % 2 == 0) {
            condition.mutable_selector()->set_attribute_name("rack");
            condition.mutable_predicate()->mutable_text_equals()->set_value("r1");
        } else {
            condition.mutable_selector()->set_pseudoattribute_type(
                mesos::v1::scheduler::AttributeConstraint::Selector::HOSTNAME);
            condition.mutable_predicate()->mutable_text_not_matches()->set_regex("h[01]");
        }
        auto compiled = compile_constraints(constraints);
        RC_ASSERT(compiled.has_value());
        return compiled->at("a");
    }

    static std::vector<Quantities> minimum(int kind) {
        if (kind % 3 == 0) return {{{"gpus", Quantity{1'000}}}, {{"mem", Quantity{1}}}};
        if (kind % 3 == 1) return {{{"cpus", Quantity{2'000}}, {"mem", Quantity{200'000}}}};
        return {{{"cpus", Quantity{1}}}};
    }

    void set_quota(const Command& command) {
        static const char* const roles[] = {"*", "a", "c", "b"};
        const std::string role = roles[command.a % 4];
        if (command.c % 4 == 0) {
            return on_frameworks([&](auto& x) { x.remove_quota(role); });
        }
        Quota quota;
        if (command.c % 3 > 0) quota.guarantees["cpus"] = Quantity{command.b % 7 * 1'500};
        if (command.c % 5 > 2) quota.guarantees["mem"] = Quantity{command.b % 5 * 300'000};
        if (command.c % 2 > 0) quota.limits["cpus"] = Quantity{command.b % 9 * 1'500};
        if (command.c % 7 > 3) quota.limits["mem"] = Quantity{command.b % 3 * 600'000};
        has_quotas_ = true;
        on_frameworks([&](auto& x) { x.set_quota(role, quota); });
    }

    void list(const Command& command) {
        std::optional<std::set<std::string>> hostnames;
        if (command.c % 2) {
            hostnames.emplace();
            for (int i = 0; i < 4; ++i) {
                if (command.b >> i & 1) hostnames->insert("h" + std::to_string(i));
            }
        }
        on_frameworks([&](auto& x) { x.set_whitelist(hostnames); });
    }

    static mesos::v1::AgentInfo info(const Command& command) {
        mesos::v1::AgentInfo info;
        info.set_hostname("h" + std::to_string(command.a % 4));
        if (command.c % 3 > 0)
            *info.mutable_domain() = region(command.c % 3 == 1 ? "here" : "there");
        auto& attribute = *info.add_attributes();
        attribute.set_name("rack");
        attribute.set_type(mesos::v1::Value::TEXT);
        attribute.mutable_text()->set_value(command.c % 2 ? "r1" : "r2");
        return info;
    }

    void update_info(const Command& command, const AgentId& agent) {
        if (!totals_.contains(agent)) return;
        on_frameworks([&](auto& x) { x.update_agent_info(agent, info(command)); });
    }

    void pause(const Command& command) {
        on_frameworks([&](auto& x) {
            if (command.c % 4 == 0) {
                x.pause();
            } else {
                x.resume();
            }
        });
    }

    void remove_framework(const FrameworkId& framework) {
        on_frameworks([&](auto& x) { x.remove_framework(framework); });
        std::erase_if(held_, [&](const Allocation& held) { return held.framework == framework; });
    }

    void add_agent(const Command& command, const AgentId& agent) {
        AgentOffering offering{agent, catalogue()[command.b % 8], info(command)};
        std::map<FrameworkId, Resources> used;
        std::erase_if(held_, [&](const Allocation& held) { return held.agent == agent; });
        if (command.c % 4 == 0) {
            const FrameworkId holder("f" + std::to_string(command.c % 5));
            used[holder] = of("cpus:1").allocated_to("a");
            held_.push_back({holder, "a", agent, used[holder]});
        }
        on_frameworks([&](auto& x) { x.add_agent(offering, used); });
        totals_[agent] = offering.total;
    }

    void update_agent(const Command& command, const AgentId& agent) {
        if (!totals_.contains(agent)) return;
        totals_[agent] = catalogue()[command.b % 8];
        on_frameworks([&](auto& x) { x.update_agent(agent, totals_[agent]); });
    }

    void remove_agent(const AgentId& agent) {
        on_frameworks([&](auto& x) { x.remove_agent(agent); });
        std::erase_if(held_, [&](const Allocation& held) { return held.agent == agent; });
        totals_.erase(agent);
    }

    void track(const Command& command, const AgentId& agent) {
        if (!totals_.contains(agent)) return;
        static const char* const roles[] = {"a", "c", "e", "a/b"};
        const auto bare = of(command.c % 2 ? "cpus:0.5" : "ports:[31000-31001]");
        // Ports are somebody's or nobody's; a trace that gives them twice means nothing.
        if (!(totals_[agent] - all_held(agent)).contains(bare)) return;
        const auto resources = bare.allocated_to(roles[command.b % 4]);
        const FrameworkId framework("f" + std::to_string(command.c % 7));
        on_frameworks([&](auto& x) { x.track(framework, agent, resources); });
        held_.push_back({framework, roles[command.b % 4], agent, resources});
    }

    /// Gives back all or half of something held, with or without a refusal.
    void recover(const Command& command) {
        if (held_.empty()) return;
        const auto place = static_cast<std::size_t>(command.b) % held_.size();
        const auto held = held_[place];
        auto returned = held.resources;
        if (command.c % 4 == 0) {
            returned =
                returned.filter([](const Resources::Entry& entry) { return entry.name == "cpus"; });
        }
        std::optional<Duration> refuse;
        if (command.c % 3 != 0) refuse = std::chrono::seconds{command.c % 5};
        on_frameworks(
            [&](auto& x) { x.recover(held.framework, held.agent, returned, refuse, now_); });
        held_[place].resources -= returned;
        if (held_[place].resources.empty())
            held_.erase(held_.begin() + static_cast<std::ptrdiff_t>(place));
    }

    Resources all_held(const AgentId& agent) const {
        Resources sum;
        for (const auto& held : held_) {
            if (held.agent == agent) sum += held.resources.nonshared().unallocated();
        }
        return sum;
    }

    void allocate(const Command& command) {
        now_ += std::chrono::milliseconds{400 * (command.b % 8)};
        // Not always: the reference is never asked, so asking must not change what follows.
        std::optional<OfferablePairs> explained;
        if (command.c % 16 == 0) explained.emplace(allocator_, now_);
        const auto got = allocator_.allocate(now_);
        if (explained) RC_ASSERT(explained->disagreement(got, !has_quotas_) == "");
        const auto want = reference_.allocate(now_);
        RC_ASSERT(text(got) == text(want));
        for (const auto& allocation : got) {
            const auto before = all_held(allocation.agent);
            const auto& total = totals_.at(allocation.agent);
            held_.push_back(allocation);
            // Totals may have shrunk below what is held; then nothing more of it may be given.
            RC_ASSERT((total - before).contains(allocation.resources.nonshared().unallocated()));
        }
        for (const char* role : {"*", "a", "a/b", "b", "c"}) {
            auto consumed = reference_.quota_consumed(role);
            std::erase_if(consumed, [](const auto& item) { return item.second.milli == 0; });
            RC_ASSERT(allocator_.quota_consumed(role) == consumed);
        }
        RC_ASSERT(!allocator_.dirty());
        RC_ASSERT(allocator_.next_deadline() > now_);
    }

    static std::string text(const std::vector<Allocation>& allocations) {
        std::string text;
        for (const auto& allocation : allocations) {
            text += fmt::format("{} {} {} {}\n", allocation.framework, allocation.role,
                                allocation.agent, allocation.resources.to_string());
        }
        return text;
    }

    Allocator allocator_;
    ReferenceAllocator reference_;
    Instant now_;
    std::vector<Allocation> held_;
    std::map<AgentId, Resources> totals_;
    bool has_quotas_ = false;  // Or had.
};

Options options_of(int kind, std::uint64_t seed) {
    Options options;
    options.seed = seed;
    if (kind % 2) options.fair_sharing_excluded = {"gpus", "mem"};
    if (kind % 4 == 3) options.role_sorter = Sorter::random;
    if (kind % 3 == 2) options.framework_sorter = Sorter::random;
    // Never none at all: a shared volume alone is offered once a visit here and once a round there.
    if (kind == 4) options.min_allocatable = {{{"cpus", Quantity{1}}}};
    return options;
}

Options any_options() {
    const auto seed = *rc::gen::arbitrary<std::uint64_t>();
    return options_of(*rc::gen::resize(100, rc::gen::inRange(0, 12)), seed);
}

/// A small busy cluster and some dozen commands.
void run_short_trace(std::uint64_t seed) {
    Prng prng(seed);
    const auto below = [&](int bound) {
        return static_cast<int>(prng.below(static_cast<std::uint64_t>(bound)));
    };
    auto options = options_of(below(12), seed);
    if (below(4) == 0) options.master_domain = region("here");
    Trace trace(options);
    for (int i = 0; i < 3; ++i) trace.run({6, i, below(8), below(64)});
    for (int i = 0; i < 3; ++i) trace.run({0, i, below(64), below(64)});
    for (int i = 0; i < 2; ++i) trace.run({24, below(4), below(64), below(64)});
    for (int i = 0; i < 12; ++i) {
        const int verb = i % 3 == 0 ? 21 : i % 3 == 1 ? 17 + below(9) : below(31);
        trace.run({verb, below(3), below(64), below(64)});
    }
}

RC_GTEST_PROP(AllocatorDifferential, AgreesWithTheReference, ()) {
    auto options = any_options();
    options.master_domain = region("here");
    Trace trace(options);
    const auto commands =
        *rc::gen::scale(1.5, rc::gen::container<std::vector<Command>>(gen_command()));
    for (const auto& command : commands) trace.run(command);
}

/// The same, but starting busy: rapidcheck's short traces rarely get frameworks and agents
/// together.
RC_GTEST_PROP(AllocatorDifferential, AgreesInABusyCluster, ()) {
    const auto options = any_options();
    Trace trace(options);
    for (int i = 0; i < 6; ++i) trace.run({6, i, *rc::gen::inRange(0, 8), 1});
    for (int i = 0; i < 5; ++i)
        trace.run({0, i, *rc::gen::inRange(1, 64), *rc::gen::inRange(0, 64)});
    const auto commands = *rc::gen::scale(1.5, rc::gen::container<std::vector<Command>>(
                                                   rc::gen::map(gen_command(), [](Command command) {
                                                       // Mostly rounds and returns.
                                                       if (command.c % 3 > 0)
                                                           command.verb = 17 + command.verb % 9;
                                                       return command;
                                                   })));
    for (const auto& command : commands) trace.run(command);
}

// Sanitizers make a trace ten times as long: there it is a tenth of them.
#if __has_feature(address_sanitizer) || __has_feature(thread_sanitizer)
constexpr std::uint64_t k_traces_a_case = 10;
#else
constexpr std::uint64_t k_traces_a_case = 100;
#endif

/// A hundred cases of that many traces each; the seed of a case replays it.
RC_GTEST_PROP(AllocatorDifferential, AgreesInShortTraces, ()) {
    const auto first = *rc::gen::noShrink(rc::gen::arbitrary<std::uint64_t>());
    for (std::uint64_t i = 0; i < k_traces_a_case; ++i) run_short_trace(first + i);
}

}  // namespace
}  // namespace tepui::allocator
