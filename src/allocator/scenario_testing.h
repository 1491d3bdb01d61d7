#pragma once

#include <string>
#include <string_view>

namespace tepui::allocator {

/// Runs a scenario: who there is, what happens, which offers come. Returns "" or what went wrong,
/// with the line. One command a line, "#" begins a comment, items have no spaces in them:
///
///     options [min=SETS] [excluded=NAME,..] [region=NAME] [sorter=random] [seed=N]   (first)
///     agent ID RESOURCES [host=H] [region=R] [attribute=NAME:TEXT] [number=NAME:N]
///           [revocable=RESOURCES] [volume=ROLE:ID:SIZE[:shared]] [held=FRAMEWORK:ROLE:RESOURCES]
///     update ID RESOURCES | remove ID | deactivate ID | activate ID
///     framework ID ROLE,.. [can=gpu,revocable,shared,region,refined] [min=ROLE:SETS]
///           [want=ROLE:CONDITION&..|..] [suppressed=ROLE,..]       (again: changes it)
///     leave ID | suppress ID [ROLE,..] | revive ID [ROLE,..] | disconnect ID | reconnect ID
///     weight ROLE NUMBER | band ROLE NUMBER | quota ROLE [guarantees=RESOURCES] [limits=RESOURCES]
///     keep-for AGENT [ROLE]                  what is free there is for that role; none: for all
///     consumed ROLE RESOURCES | whitelist [HOST,..] | whitelist-off | pause | resume
///     decline [SECONDS]                      all offers that were not declined or kept
///     keep                                   they become tasks
///     give-back FRAMEWORK ROLE AGENT RESOURCES [SECONDS]
///     wait SECONDS
///     offers                                 the indented lines below are all that come, in any
///       FRAMEWORK ROLE AGENT RESOURCES       order; RESOURCES as the log writes them
///
/// A CONDITION is NAME=TEXT, NAME!=TEXT, NAME~REGEX, NAME!~REGEX, NAME? or !NAME, where NAME is an
/// attribute, @host, @region or @zone.
std::string run_scenario(std::string_view text);

}  // namespace tepui::allocator
