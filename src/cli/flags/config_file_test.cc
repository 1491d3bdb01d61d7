#include "cli/flags/config_file.h"

#include <fstream>

#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include "cli/flags/checks.h"
#include "cli/flags/flag.h"

namespace tepui::cli {
namespace {

using testing::HasSubstr;

TEST(ConfigFile, Lines) {
    const auto lines =
        parse_config("# a comment\n\n port=1\r\n\twork_dir =  /a b \nkey = x=y\nend =");
    ASSERT_TRUE(lines) << lines.error().text;
    ASSERT_EQ(lines->size(), 4U);
    const std::vector<std::tuple<std::size_t, std::string, std::string>> wanted = {
        {3, "port", "1"}, {4, "work_dir", "/a b"}, {5, "key", "x=y"}, {6, "end", ""}};
    for (std::size_t i = 0; i < wanted.size(); ++i) {
        const ConfigLine& line = (*lines)[i];
        EXPECT_EQ(std::tuple(line.number, line.name, line.value), wanted[i]);
    }
    EXPECT_TRUE(parse_config("")->empty());
}

TEST(ConfigFile, LinesThatAreNone) {
    for (const auto& [text, hint] :
         std::vector<std::pair<std::string, std::string>>{{"a = 1\nnothing\n", "line 2: 'nothing'"},
                                                          {"= 1", "line 1"},
                                                          {"--port = 1", "no dashes"}}) {
        const auto lines = parse_config(text);
        ASSERT_FALSE(lines) << text;
        EXPECT_THAT(lines.error().text, HasSubstr(hint));
    }
}

class ConfigFlag : public testing::Test {
protected:
    ConfigFlag() {
        set_.environment_prefixes = {"TEPUI_"};
        set_.file_values = true;
        set_.config_flag = "config";
        set_.flags.resize(5);
        set_.flags[0].name = "config";
        set_.flags[1].name = "work_dir";
        set_.flags[2].name = "port";
        set_.flags[2].fallback = "5050";
        set_.flags[2].check = whole_number_between(0, 65535);
        set_.flags[3].name = "quick";
        set_.flags[3].kind = FlagKind::boolean;
        set_.flags[4].name = "env";
        set_.flags[4].kind = FlagKind::list;
        set_.foreign = {{"zk", FlagKind::value, {}, "no elections"}};
        path_ = testing::TempDir() + "config_file_test";
    }

    Result<Parsed> parse(const std::string& config, std::vector<std::string> arguments = {},
                         std::map<std::string, std::string> variables = {}) {
        std::ofstream(path_) << config;
        variables.emplace("TEPUI_CONFIG", path_);
        return parse_flags(set_, arguments,
                           [&](const std::string& name) -> std::optional<std::string> {
                               const auto it = variables.find(name);
                               if (it == variables.end()) return std::nullopt;
                               return it->second;
                           });
    }

    FlagSet set_;
    std::string path_;
};

TEST_F(ConfigFlag, CountsLeast) {
    const std::string config = "work-dir = /c\nport = 1\nquick = yes\nenv = A=1\nenv = B=2\n";
    auto parsed = parse(config);
    ASSERT_TRUE(parsed) << parsed.error().text;
    EXPECT_EQ(parsed->value("work_dir"), "/c");
    EXPECT_EQ(parsed->value("port"), "1");
    EXPECT_TRUE(parsed->enabled("quick"));
    EXPECT_THAT(parsed->list("env"), testing::ElementsAre("A=1", "B=2"));

    parsed =
        parse(config, {"--port=3", "--env=C=3"}, {{"TEPUI_PORT", "2"}, {"TEPUI_WORK_DIR", "/e"}});
    ASSERT_TRUE(parsed) << parsed.error().text;
    EXPECT_EQ(parsed->value("work_dir"), "/e");
    EXPECT_EQ(parsed->value("port"), "3");
    EXPECT_THAT(parsed->list("env"), testing::ElementsAre("C=3"));
}

TEST_F(ConfigFlag, MayBeAUrlAndHoldSome) {
    const std::string value = testing::TempDir() + "config_file_test_value";
    std::ofstream(value) << "/from/file\n";
    const auto parsed = parse("work_dir = file://" + value,
                              {"--config=file://" + testing::TempDir() + "config_file_test"});
    ASSERT_TRUE(parsed) << parsed.error().text;
    EXPECT_EQ(parsed->value("work_dir"), "/from/file");
}

TEST_F(ConfigFlag, MistakesNameFileLineAndFlag) {
    for (const auto& [config, hint] : std::vector<std::pair<std::string, std::string>>{
             {"port = 1\nwork_dri = /x", ":2: unknown flag --work_dri; did you mean --work_dir?"},
             {"\nport = high", ":2: port: 'high' is not a whole number"},
             {"port = 1\nport = 2", ":2: port: it stands in line 1 too"},
             {"quick = maybe", ":1: quick: 'maybe' is neither true nor false"},
             {"zk = zk://a/b", ":1: zk: a flag of Mesos"},
             {"config = /other", ":1: config: a config file cannot name another one"},
             {"nonsense", "line 1: 'nonsense'"},
             {"work_dir = file:///no/such", "/no/such"}}) {
        // Also when the flag is given elsewhere.
        for (const std::vector<std::string>& arguments :
             {std::vector<std::string>{}, {"--port=7", "--quick"}}) {
            const auto parsed = parse(config, arguments);
            ASSERT_FALSE(parsed) << config;
            EXPECT_THAT(parsed.error().text, HasSubstr(path_));
            EXPECT_THAT(parsed.error().text, HasSubstr(hint));
        }
    }
}

TEST_F(ConfigFlag, AFileThatIsNotThere) {
    const auto parsed = parse("", {"--config=/no/such/file"});
    ASSERT_FALSE(parsed);
    EXPECT_THAT(parsed.error().text, HasSubstr("--config: cannot read the file /no/such/file"));
}

}  // namespace
}  // namespace tepui::cli
