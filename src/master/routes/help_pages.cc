#include "master/routes/help_pages.h"

namespace tepui::master {

std::vector<daemon::HelpPage> help_pages() {
    const std::string jsonp = "jsonp  a function's name that the answer is wrapped in\n";
    return {
        {"/api/v1", "POST", "The operator API: a mesos.v1.master.Call in JSON or protobuf.", ""},
        {"/api/v1/scheduler", "POST", "The API of frameworks: a mesos.v1.scheduler.Call.", ""},
        {"/tepui/agent-link", "GET", "Where agents connect; upgrades the connection.", ""},
        {"/tepui/kill-task", "POST", "Kills a task for an operator.", ""},
        {"/state", "GET", "Agents, frameworks, tasks, executors, offers and this master.", jsonp},
        {"/state-summary", "GET", "Agents and frameworks with numbers of tasks by state.", jsonp},
        {"/slaves", "GET", "Agents with their resources.", "slave_id  only this agent\n" + jsonp},
        {"/frameworks", "GET", "Frameworks with what they hold.",
         "framework_id  only this framework\n" + jsonp},
        {"/tasks", "GET", "Tasks, also those that are over.",
         "framework_id  only of this framework\ntask_id       only of this id\n"
         "limit         how many; 100 by default, -1 for all\n"
         "offset        how many are left out at the beginning\n"
         "order         asc or desc, by the time of the first status; desc by default\n" +
             jsonp},
        {"/roles", "GET", "Roles with their weights, quota, frameworks and resources.", jsonp},
        {"/weights", "GET, PUT", "Weights of roles; PUT sets some of them.", jsonp},
        {"/registrar/registry", "GET", "The agents in the registry.", jsonp},
        {"/registrar(1)/registry", "GET", "The agents in the registry.", jsonp},
        {"/redirect", "GET", "307 to the leading master.", ""},
        {"/teardown", "POST", "Ends a framework and all its tasks.",
         "frameworkId  in the body, as a form\n"},
        {"/reserve", "POST", "Reserves resources of an agent for a role.",
         "slaveId    in the body, as a form\n"
         "resources  a JSON list, with their reservations\n"
         "source     a JSON list of what they are reserved as now, to change that\n"},
        {"/unreserve", "POST", "Undoes dynamic reservations.",
         "slaveId    in the body, as a form\n"
         "resources  a JSON list, with the reservation that goes\n"},
        {"/create-volumes", "POST", "Makes persistent volumes of reserved disk.",
         "slaveId  in the body, as a form\n"
         "volumes  a JSON list of disk resources with persistence and volume\n"},
        {"/destroy-volumes", "POST", "Deletes persistent volumes and what is in them.",
         "slaveId  in the body, as a form\n"
         "volumes  a JSON list, as they were created\n"},
        {"/quota", "GET, POST, DELETE",
         "Quota of roles; POST guarantees a role something, DELETE /quota/ROLE ends it.", jsonp},
        {"/maintenance/schedule", "GET, POST",
         "Which machines are unavailable when; POST replaces the whole schedule.", jsonp},
        {"/maintenance/status", "GET",
         "Machines of the schedule with what frameworks answered, and those that are down.", jsonp},
        {"/machine/down", "POST",
         "Takes machines of the schedule down: a JSON list of {hostname, ip}.", ""},
        {"/machine/up", "POST",
         "Brings machines up again and takes them out of the schedule: the same list.", ""},
        {"/tepui/cancel-drain", "POST", "Takes the drain of an agent back.", ""},
        {"/tepui/priorities", "GET, PUT",
         "Priority bands of top-level roles, as a JSON object; PUT sets some of them, 0 takes one "
         "away.",
         ""},
        {"/tepui/explain", "GET",
         "Why somebody gets offers or does not; exactly one of the parameters is given.",
         "role       the role, such as ads/web\n"
         "framework  a framework, by id or name\n"
         "agent      an agent, by id, hostname or hostname:port\n"},
        {"/tepui/offers", "GET", "Offers that are not answered yet, the oldest first.", jsonp},
        {"/tepui/rescind-offer", "POST",
         "Takes offers back, all or none: a JSON object {\"offer_ids\": [...]}; those that are not "
         "outstanding are named in a 404.",
         ""},
    };
}

}  // namespace tepui::master
