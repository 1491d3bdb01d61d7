#include "cli/flags/flag.h"

#include <fstream>

#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include "cli/flags/checks.h"
#include "cli/suggest.h"

namespace tepui::cli {
namespace {

FlagSet daemon_set() {
    FlagSet set;
    set.environment_prefixes = {"TEPUI_", "MESOS_"};
    set.file_values = true;
    Flag work_dir;
    work_dir.name = "work_dir";
    work_dir.value_name = "PATH";
    Flag timeout;
    timeout.name = "agent_ping_timeout";
    timeout.fallback = "15secs";
    timeout.older_names = {"slave_ping_timeout"};
    timeout.check = duration_between(1s, 15min);
    Flag root;
    root.name = "root_submissions";
    root.kind = FlagKind::boolean;
    root.fallback = "true";
    Flag env;
    env.name = "env";
    env.letter = 'e';
    env.kind = FlagKind::list;
    set.flags = {work_dir, timeout, root, env};
    set.foreign = {{"zk", FlagKind::value, {}, "no elections"},
                   {"authenticate_agents", FlagKind::boolean, {"false"}, "no authentication"},
                   {"logbufsecs", FlagKind::value, {"*"}, "not buffered"}};
    return set;
}

using Environment = std::map<std::string, std::string>;

Result<Parsed> parse(const FlagSet& set, std::vector<std::string> arguments,
                     Environment variables = {}) {
    return parse_flags(set, arguments, [&](const std::string& name) -> std::optional<std::string> {
        const auto it = variables.find(name);
        if (it == variables.end()) return std::nullopt;
        return it->second;
    });
}

struct ValueCase {
    std::vector<std::string> arguments;
    Environment variables;
    std::string flag;
    std::string value;
};

TEST(Flags, ValuesOfTable) {
    const FlagSet set = daemon_set();
    const std::vector<ValueCase> cases = {
        {{"--work_dir=/x"}, {}, "work_dir", "/x"},
        {{"--work_dir", "/x"}, {}, "work_dir", "/x"},
        {{"--work-dir=/x"}, {}, "work_dir", "/x"},
        {{"--work-dir", "--strange"}, {}, "work_dir", "--strange"},
        {{"--work_dir="}, {}, "work_dir", ""},
        {{"--work_dir=a=b"}, {}, "work_dir", "a=b"},
        {{"--work_dir=/x", "--work_dir=/y"}, {}, "work_dir", "/y"},
        {{}, {}, "agent_ping_timeout", "15secs"},
        {{"--slave_ping_timeout=2secs"}, {}, "agent_ping_timeout", "2secs"},
        {{}, {}, "root_submissions", "true"},
        {{"--no-root_submissions"}, {}, "root_submissions", "false"},
        {{"--no-root-submissions"}, {}, "root_submissions", "false"},
        {{"--root_submissions=false"}, {}, "root_submissions", "false"},
        {{"--root_submissions=0"}, {}, "root_submissions", "false"},
        {{"--no-root_submissions", "--root_submissions"}, {}, "root_submissions", "true"},
        {{}, {{"MESOS_WORK_DIR", "/m"}}, "work_dir", "/m"},
        {{}, {{"MESOS_WORK_DIR", "/m"}, {"TEPUI_WORK_DIR", "/t"}}, "work_dir", "/t"},
        {{"--work_dir=/c"}, {{"MESOS_WORK_DIR", "/m"}, {"TEPUI_WORK_DIR", "/t"}}, "work_dir", "/c"},
        {{}, {{"MESOS_SLAVE_PING_TIMEOUT", "3secs"}}, "agent_ping_timeout", "3secs"},
        {{}, {{"MESOS_ROOT_SUBMISSIONS", "no"}}, "root_submissions", "false"},
        {{"--logbufsecs=5", "--no-authenticate_agents", "--work_dir=/z"}, {}, "work_dir", "/z"},
    };
    for (const ValueCase& one : cases) {
        const auto parsed = parse(set, one.arguments, one.variables);
        ASSERT_TRUE(parsed) << parsed.error().text;
        EXPECT_EQ(parsed->value(one.flag), one.value) << testing::PrintToString(one.arguments);
    }
}

struct FailureCase {
    std::vector<std::string> arguments;
    Environment variables;
    std::vector<std::string> words;  // All in the error's text.
};

TEST(Flags, FailuresNameTheFlagAndTheWayOut) {
    const FlagSet set = daemon_set();
    const std::vector<FailureCase> cases = {
        {{"--work_dri=/x"}, {}, {"--work_dri", "did you mean --work_dir?"}},
        {{"--complete_nonsense"}, {}, {"unknown flag --complete_nonsense"}},
        {{"--work_dir"}, {}, {"--work_dir needs a value"}},
        {{"--agent_ping_timeout=fast"}, {}, {"--agent_ping_timeout", "fast"}},
        {{"--agent_ping_timeout=16mins"}, {}, {"--agent_ping_timeout", "from 1secs to 15mins"}},
        {{}, {{"MESOS_AGENT_PING_TIMEOUT", "1hrs"}}, {"MESOS_AGENT_PING_TIMEOUT"}},
        {{"--root_submissions=maybe"}, {}, {"--root_submissions", "maybe"}},
        {{"--zk=zk://a/b"}, {}, {"--zk", "no elections"}},
        {{"--zk", "zk://a/b"}, {}, {"--zk", "no elections"}},
        {{}, {{"MESOS_ZK", "zk://a/b"}}, {"MESOS_ZK", "no elections"}},
        {{"--authenticate_agents"}, {}, {"--authenticate_agents", "only false is accepted"}},
        {{"stray"}, {}, {"unexpected argument 'stray'"}},
        {{"-x"}, {}, {"unknown flag -x"}},
        {{"--work_dir=file:///no/such/file"}, {}, {"--work_dir", "/no/such/file"}},
    };
    for (const FailureCase& one : cases) {
        const auto parsed = parse(set, one.arguments, one.variables);
        ASSERT_FALSE(parsed) << testing::PrintToString(one.arguments);
        for (const std::string& word : one.words) {
            EXPECT_THAT(parsed.error().text, testing::HasSubstr(word));
        }
    }
}

TEST(Flags, FileValueIsReadWithoutItsLineEnd) {
    const std::string path = testing::TempDir() + "flag_test_value";
    std::ofstream(path) << "/from/file\n";
    const FlagSet set = daemon_set();
    const auto parsed = parse(set, {"--work_dir=file://" + path});
    ASSERT_TRUE(parsed) << parsed.error().text;
    EXPECT_EQ(parsed->value("work_dir"), "/from/file");
}

TEST(Flags, ListsLettersAndRest) {
    const FlagSet set = daemon_set();
    const auto parsed = parse(set, {"-e", "A=1", "-eB=2", "--env=C=3", "--", "run", "--env"});
    ASSERT_TRUE(parsed) << parsed.error().text;
    EXPECT_THAT(parsed->list("env"), testing::ElementsAre("A=1", "B=2", "C=3"));
    EXPECT_THAT(parsed->rest, testing::ElementsAre("run", "--env"));
}

TEST(Flags, FirstWordMayEndFlags) {
    FlagSet set = daemon_set();
    set.words_end_flags = true;
    const auto parsed = parse(set, {"--work_dir=/x", "echo", "--work_dir=/y"});
    ASSERT_TRUE(parsed);
    EXPECT_EQ(parsed->value("work_dir"), "/x");
    EXPECT_THAT(parsed->rest, testing::ElementsAre("echo", "--work_dir=/y"));
}

TEST(Flags, HelpIsGivenWhateverTheEnvironmentHolds) {
    const FlagSet set = daemon_set();
    const auto parsed = parse(set, {"--help"}, {{"MESOS_ZK", "x"}});
    ASSERT_TRUE(parsed);
    EXPECT_TRUE(parsed->help);
}

TEST(Suggest, EditDistance) {
    EXPECT_EQ(edit_distance("", ""), 0U);
    EXPECT_EQ(edit_distance("abc", "abc"), 0U);
    EXPECT_EQ(edit_distance("", "abc"), 3U);
    EXPECT_EQ(edit_distance("kitten", "sitting"), 3U);
    EXPECT_EQ(edit_distance("work_dri", "work_dir"), 1U);  // Neighbours swapped.
}

TEST(Suggest, NearestOrNothing) {
    const std::vector<std::string> names = {"work_dir", "master", "port", "agents"};
    EXPECT_EQ(nearest("mastr", names), "master");
    EXPECT_EQ(nearest("agentz", names), "agents");
    EXPECT_EQ(nearest("work", names), "work_dir");
    EXPECT_EQ(nearest("zzzzzz", names), std::nullopt);
}

}  // namespace
}  // namespace tepui::cli
