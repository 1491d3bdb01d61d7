#pragma once

#include <map>
#include <string>
#include <utility>
#include <vector>

#include "cli/output/json_value.h"
#include "resources/resources.h"

// What stands between a framework and an agent, in words. The master's body names the causes
// (src/allocator/explain.h); here they get a sentence and a way out. All pure.
namespace tepui::cli {

/// What a class of an explanation is about, as far as its own member of the body does not say it.
struct ExplainSubject {
    bool of_agent = false;     // The class is of frameworks at one agent, else of agents.
    std::string framework_id;  // Empty: several.
    std::string role;          // Empty: several.
    std::string agent;         // The one that is explained, by its host.
    Quantities limits;         // Of the role's quota, as far as they are known.
    std::vector<std::pair<std::string, Quantities>> kept_for;  // Roles and what they lack.
    std::map<std::string, std::string> framework_names;        // By id.
};

struct CauseText {
    std::string why;
    std::string way_out;
};

/// `cause`: an item of "causes"; `group`: the class that it is in. A cause of a newer master has
/// its name as a text and no way out.
CauseText cause_text(const JsonValue& cause, const JsonValue& group, const ExplainSubject& subject);

/// "12 agents (n1, n2, n3 ...): WHY; WHY", then the ways out, each on a line of its own.
std::string class_text(const JsonValue& group, const ExplainSubject& subject);
/// "quota limit, declined"; empty where nothing stands in the way.
std::string class_causes(const JsonValue& group);

}  // namespace tepui::cli
