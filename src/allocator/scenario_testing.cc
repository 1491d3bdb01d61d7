#include "allocator/scenario_testing.h"

#include <algorithm>
#include <charconv>
#include <functional>
#include <map>
#include <optional>
#include <vector>

#include "allocator/allocator.h"
#include "mesos/v1/scheduler/scheduler.pb.h"

namespace tepui::allocator {

namespace {

using Words = std::vector<std::string>;

struct Wrong {
    std::string text;
};

Words split(std::string_view text, char at) {
    Words parts;
    while (!text.empty()) {
        const auto end = text.find(at);
        if (end != 0) parts.emplace_back(text.substr(0, end));
        if (end == std::string_view::npos) break;
        text.remove_prefix(end + 1);
    }
    return parts;
}

std::set<std::string> set_of(std::string_view text) {
    const auto parts = split(text, ',');
    return {parts.begin(), parts.end()};
}

double number(const std::string& text) {
    double value = 0;
    const auto [end, error] = std::from_chars(text.data(), text.data() + text.size(), value);
    if (error != std::errc() || end != text.data() + text.size()) {
        throw Wrong{"'" + text + "' is no number"};
    }
    return value;
}

Duration seconds(const std::string& text) {
    return std::chrono::duration_cast<Duration>(std::chrono::duration<double>(number(text)));
}

Resources resources(const std::string& text) {
    if (text == "-") return {};
    auto parsed = Resources::parse_flag(text);
    if (!parsed) throw Wrong{parsed.error().text};
    return *std::move(parsed);
}

std::vector<Quantities> sets(const std::string& text) {
    std::vector<Quantities> all;
    for (const auto& part : split(text, '|')) all.push_back(resources(part).scalars());
    return all;
}

/// ROLE:REST
std::pair<std::string, std::string> halves(const std::string& text) {
    const auto colon = text.find(':');
    if (colon == std::string::npos) throw Wrong{"'" + text + "' needs a ':'"};
    return {text.substr(0, colon), text.substr(colon + 1)};
}

void set_selector(mesos::v1::scheduler::AttributeConstraint& constraint, std::string_view name) {
    using Selector = mesos::v1::scheduler::AttributeConstraint::Selector;
    auto& selector = *constraint.mutable_selector();
    if (name == "@host") {
        selector.set_pseudoattribute_type(Selector::HOSTNAME);
    } else if (name == "@region") {
        selector.set_pseudoattribute_type(Selector::REGION);
    } else if (name == "@zone") {
        selector.set_pseudoattribute_type(Selector::ZONE);
    } else {
        selector.set_attribute_name(std::string(name));
    }
}

void add_condition(mesos::v1::scheduler::AttributeConstraint& constraint, std::string_view text) {
    auto& predicate = *constraint.mutable_predicate();
    if (text.front() == '!') {
        set_selector(constraint, text.substr(1));
        predicate.mutable_not_exists();
        return;
    }
    const auto end = text.find_first_of("=!~?");
    if (end == std::string_view::npos) throw Wrong{fmt::format("'{}' is no condition", text)};
    set_selector(constraint, text.substr(0, end));
    const auto rest = text.substr(end);
    if (rest == "?") {
        predicate.mutable_exists();
    } else if (rest.starts_with("!=")) {
        predicate.mutable_text_not_equals()->set_value(std::string(rest.substr(2)));
    } else if (rest.starts_with("!~")) {
        predicate.mutable_text_not_matches()->set_regex(std::string(rest.substr(2)));
    } else if (rest.starts_with("~")) {
        predicate.mutable_text_matches()->set_regex(std::string(rest.substr(1)));
    } else {
        predicate.mutable_text_equals()->set_value(std::string(rest.substr(1)));
    }
}

Capabilities capabilities_of(const std::set<std::string>& can) {
    return {.multi_role = true,
            .gpu_resources = can.contains("gpu"),
            .revocable_resources = can.contains("revocable"),
            .shared_resources = can.contains("shared"),
            .region_aware = can.contains("region"),
            .reservation_refinement = can.contains("refined")};
}

Client client_of(const Words& words) {
    Client client{FrameworkId(words.at(1)), set_of(words.at(2)), {}, capabilities_of({})};
    mesos::v1::scheduler::OfferConstraints constraints;
    for (std::size_t i = 3; i < words.size(); ++i) {
        const auto equals = words[i].find('=');
        const auto key = words[i].substr(0, equals);
        const auto value = equals == std::string::npos ? "" : words[i].substr(equals + 1);
        if (key == "can") {
            client.capabilities = capabilities_of(set_of(value));
        } else if (key == "suppressed") {
            client.suppressed_roles = set_of(value);
        } else if (key == "min") {
            const auto [role, text] = halves(value);
            client.min_allocatable[role] = sets(text);
        } else if (key == "want") {
            const auto [role, text] = halves(value);
            auto& of_role = (*constraints.mutable_role_constraints())[role];
            for (const auto& group : split(text, '|')) {
                auto& added = *of_role.add_groups();
                for (const auto& condition : split(group, '&')) {
                    add_condition(*added.add_attribute_constraints(), condition);
                }
            }
        } else {
            throw Wrong{"a framework has no '" + key + "'"};
        }
    }
    auto compiled = compile_constraints(constraints);
    if (!compiled) throw Wrong{compiled.error().text};
    client.constraints = *std::move(compiled);
    return client;
}

Resources volume(const std::string& text) {
    const auto parts = split(text, ':');
    mesos::v1::Resource resource;
    resource.set_name("disk");
    resource.set_type(mesos::v1::Value::SCALAR);
    resource.mutable_scalar()->set_value(number(parts.at(2)));
    auto& reservation = *resource.add_reservations();
    reservation.set_type(mesos::v1::Resource::ReservationInfo::DYNAMIC);
    reservation.set_role(parts.at(0));
    resource.mutable_disk()->mutable_persistence()->set_id(parts.at(1));
    resource.mutable_disk()->mutable_volume()->set_container_path("data");
    resource.mutable_disk()->mutable_volume()->set_mode(mesos::v1::Volume::RW);
    if (parts.size() > 3) resource.mutable_shared();
    auto parsed = Resources::parse(resource);
    if (!parsed) throw Wrong{parsed.error().text};
    return *std::move(parsed);
}

Resources revocable(const std::string& text) {
    auto list = resources(text).to_proto();
    for (auto& resource : list) resource.mutable_revocable();
    auto parsed = Resources::parse(list);
    if (!parsed) throw Wrong{parsed.error().text};
    return *std::move(parsed);
}

void add_attribute(mesos::v1::AgentInfo& info, const std::string& text, bool is_number) {
    const auto [name, value] = halves(text);
    auto& attribute = *info.add_attributes();
    attribute.set_name(name);
    if (is_number) {
        attribute.set_type(mesos::v1::Value::SCALAR);
        attribute.mutable_scalar()->set_value(number(value));
    } else {
        attribute.set_type(mesos::v1::Value::TEXT);
        attribute.mutable_text()->set_value(value);
    }
}

class Scenario {
public:
    std::string run(std::string_view text) {
        int number = 0;
        try {
            while (!text.empty()) {
                ++number;
                const auto end = text.find('\n');
                line(text.substr(0, end));
                text.remove_prefix(end == std::string_view::npos ? text.size() : end + 1);
            }
            ++number;
            compare();
        } catch (const Wrong& wrong) {
            return fmt::format("line {}: {}", number, wrong.text);
        } catch (const std::out_of_range&) {
            return fmt::format("line {}: something is missing", number);
        }
        return "";
    }

private:
    void line(std::string_view text) {
        const bool indented = text.starts_with("  ");
        text = text.substr(0, text.find('#'));
        if (const auto last = text.find_last_not_of(" \t"); last != std::string_view::npos) {
            text = text.substr(0, last + 1);
        } else {
            return;
        }
        if (indented && expected_) {
            expected_->emplace_back(text.substr(text.find_first_not_of(' ')));
            return;
        }
        compare();
        command(split(text, ' '));
    }

    Allocator& allocator() {
        if (!allocator_) allocator_.emplace(options_);
        return *allocator_;
    }

    void command(const Words& words) {
        static const std::map<std::string, void (Scenario::*)(const Words&)> commands = {
            {"options", &Scenario::options},     {"agent", &Scenario::agent},
            {"framework", &Scenario::framework}, {"quota", &Scenario::quota},
            {"consumed", &Scenario::consumed},   {"decline", &Scenario::decline},
            {"give-back", &Scenario::give_back}, {"offers", &Scenario::offers},
        };
        const auto it = commands.find(words.at(0));
        if (it != commands.end()) return (this->*it->second)(words);
        simple(words);
    }

    void simple(const Words& words) {
        const auto& verb = words.at(0);
        const auto roles = words.size() > 2 ? set_of(words[2]) : std::set<std::string>{};
        auto& x = allocator();
        if (verb == "pause") return x.pause();
        if (verb == "resume") return x.resume();
        if (verb == "keep") return outstanding_.clear();
        if (verb == "whitelist-off") return x.set_whitelist(std::nullopt);
        if (verb == "whitelist") {
            return x.set_whitelist(words.size() > 1 ? set_of(words[1]) : roles);
        }
        const auto& id = words.at(1);
        if (verb == "update") return x.update_agent(AgentId(id), resources(words.at(2)));
        if (verb == "remove") return x.remove_agent(AgentId(id));
        if (verb == "deactivate") return x.deactivate_agent(AgentId(id));
        if (verb == "activate") return x.activate_agent(AgentId(id));
        if (verb == "leave") return x.remove_framework(FrameworkId(id));
        if (verb == "disconnect") return x.deactivate_framework(FrameworkId(id));
        if (verb == "reconnect") return x.activate_framework(FrameworkId(id));
        if (verb == "suppress") return x.suppress(FrameworkId(id), roles);
        if (verb == "revive") return x.revive(FrameworkId(id), roles);
        if (verb == "weight") return x.set_weight(id, number(words.at(2)));
        if (verb == "keep-for") return x.keep_for(AgentId(id), words.size() > 2 ? words[2] : "");
        if (verb == "band") return x.set_band(id, static_cast<std::int32_t>(number(words.at(2))));
        if (verb != "wait") throw Wrong{"there is no command '" + verb + "'"};
        now_ += seconds(id);
    }

    void options(const Words& words) {
        if (allocator_) throw Wrong{"options come first"};
        for (std::size_t i = 1; i < words.size(); ++i) {
            const auto equals = words[i].find('=');
            const auto key = words[i].substr(0, equals);
            const auto value = equals == std::string::npos ? "" : words[i].substr(equals + 1);
            if (key == "min") {
                options_.min_allocatable = sets(value);
            } else if (key == "excluded") {
                options_.fair_sharing_excluded = set_of(value);
            } else if (key == "region") {
                options_.master_domain.emplace();
                auto& domain = *options_.master_domain->mutable_fault_domain();
                domain.mutable_region()->set_name(value);
                domain.mutable_zone()->set_name("z");
            } else if (key == "sorter" && value == "random") {
                options_.role_sorter = options_.framework_sorter = Sorter::random;
            } else if (key == "seed") {
                options_.seed = static_cast<std::uint64_t>(number(value));
            } else {
                throw Wrong{"there is no option '" + words[i] + "'"};
            }
        }
    }

    void agent(const Words& words) {
        AgentOffering offering{AgentId(words.at(1)), resources(words.at(2)), {}};
        offering.info.set_hostname(words[1]);
        std::map<FrameworkId, Resources> used;
        for (std::size_t i = 3; i < words.size(); ++i) {
            const auto equals = words[i].find('=');
            const auto key = words[i].substr(0, equals);
            const auto value = equals == std::string::npos ? "" : words[i].substr(equals + 1);
            if (key == "host") {
                offering.info.set_hostname(value);
            } else if (key == "region" || key == "zone") {
                auto& domain = *offering.info.mutable_domain()->mutable_fault_domain();
                if (key == "region") domain.mutable_region()->set_name(value);
                if (!domain.has_zone() || key == "zone") {
                    domain.mutable_zone()->set_name(key == "zone" ? value : "z");
                }
            } else if (key == "attribute" || key == "number") {
                add_attribute(offering.info, value, key == "number");
            } else if (key == "revocable") {
                offering.total += revocable(value);
            } else if (key == "volume") {
                offering.total += volume(value);
            } else if (key == "held") {
                const auto [framework, rest] = halves(value);
                const auto [role, text] = halves(rest);
                used[FrameworkId(framework)] += resources(text).allocated_to(role);
            } else {
                throw Wrong{"an agent has no '" + key + "'"};
            }
        }
        allocator().add_agent(std::move(offering), used);
    }

    void framework(const Words& words) {
        auto client = client_of(words);
        if (frameworks_.insert(words.at(1)).second) {
            allocator().add_framework(std::move(client), true);
        } else {
            allocator().update_framework(std::move(client));
        }
    }

    void quota(const Words& words) {
        Quota quota;
        for (std::size_t i = 2; i < words.size(); ++i) {
            const auto equals = words[i].find('=');
            const auto key = words[i].substr(0, equals);
            const auto value = equals == std::string::npos ? "" : words[i].substr(equals + 1);
            if (key != "guarantees" && key != "limits") {
                throw Wrong{"a quota has no '" + key + "'"};
            }
            // A limit of 0 is one, so these are read here: Resources drop what is nothing.
            auto& quantities = key == "guarantees" ? quota.guarantees : quota.limits;
            for (const auto& term : split(value, ';')) {
                const auto [name, amount] = halves(term);
                quantities[name] = Quantity::from_double(number(amount));
            }
        }
        if (words.size() == 2) return allocator().remove_quota(words.at(1));
        allocator().set_quota(words.at(1), quota);
    }

    void consumed(const Words& words) {
        const auto got = allocator().quota_consumed(words.at(1));
        if (got == resources(words.at(2)).scalars()) return;
        std::string text;
        for (const auto& [name, quantity] : got) text += name + ":" + to_string(quantity) + ";";
        throw Wrong{fmt::format("role {} consumes {}", words[1], text.empty() ? "-" : text)};
    }

    void decline(const Words& words) {
        std::optional<Duration> refuse;
        if (words.size() > 1) refuse = seconds(words[1]);
        for (const auto& offer : outstanding_) {
            allocator().recover(offer.framework, offer.agent, offer.resources, refuse, now_);
        }
        outstanding_.clear();
    }

    void give_back(const Words& words) {
        std::optional<Duration> refuse;
        if (words.size() > 5) refuse = seconds(words[5]);
        allocator().recover(FrameworkId(words.at(1)), AgentId(words.at(3)),
                            resources(words.at(4)).allocated_to(words.at(2)), refuse, now_);
    }

    void offers(const Words&) {
        for (auto& offer : allocator().allocate(now_)) {
            got_.push_back(fmt::format("{} {} {} {}", offer.framework, offer.role, offer.agent,
                                       offer.resources.unallocated().to_string()));
            outstanding_.push_back(std::move(offer));
        }
        if (allocator().dirty()) throw Wrong{"a round leaves something to do behind"};
        expected_.emplace();
    }

    void compare() {
        if (!expected_) return;
        auto want = *std::exchange(expected_, std::nullopt);
        auto got = std::exchange(got_, {});
        std::sort(want.begin(), want.end());
        std::sort(got.begin(), got.end());
        if (got == want) return;
        throw Wrong{
            fmt::format("before it these offers should have come:\n  {}\nand these did:\n  {}",
                        fmt::join(want, "\n  "), fmt::join(got, "\n  "))};
    }

    Options options_;
    std::optional<Allocator> allocator_;
    std::set<std::string> frameworks_;
    std::vector<Allocation> outstanding_;
    std::optional<Words> expected_;
    Words got_;
    Instant now_;
};

}  // namespace

std::string run_scenario(std::string_view text) { return Scenario().run(text); }

}  // namespace tepui::allocator
