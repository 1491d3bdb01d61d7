#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include "cli/exit_code.h"
#include "cli/program.h"
#include "cli/table.h"
#include "cli/verbs/verbs.h"

namespace tepui::cli {
namespace {

using testing::HasSubstr;

TEST(Table, AlignsColumnsAndLeavesNoTrailingSpace) {
    Table table({{"ID"}, {"CPUS", Table::Align::right}, {"NAME"}});
    table.add({"a", "10", "first"});
    table.add({"long-id", "2.5", ""});
    EXPECT_EQ(table.render(false),
              "ID       CPUS  NAME\n"
              "a          10  first\n"
              "long-id   2.5\n");
}

TEST(Table, ColoursOnlyWhenAskedAndKeepsTheAlignment) {
    Table table({{"STATE"}, {"X"}});
    table.add({Table::Cell("UP", Table::Tone::good), "1"});
    EXPECT_EQ(table.render(false), "STATE  X\nUP     1\n");
    EXPECT_EQ(table.render(true),
              "\033[1mSTATE\033[0m  \033[1mX\033[0m\n\033[32mUP\033[0m     1\n");
}

TEST(Table, ShowsControlCharactersAsQuestionMarks) {
    Table table({{"NAME"}});
    table.add({"evil\033[2J\n"});
    EXPECT_EQ(table.render(false), "NAME\nevil?[2J?\n");
}

TEST(Table, CountsCodePointsNotBytes) {
    Table table({{"A"}, {"B"}});
    table.add({"\xc3\xa9\xc3\xa9", "x"});
    EXPECT_EQ(table.render(false), "A   B\n\xc3\xa9\xc3\xa9  x\n");
}

TEST(ExitCode, OfErrors) {
    const std::vector<std::pair<Errc, int>> cases = {
        {Errc::invalid_argument, 2},
        {Errc::not_found, 3},
        {Errc::timeout, 4},
        {Errc::denied, 5},
        {Errc::unauthenticated, 5},
        {Errc::conflict, 1},
        {Errc::io, 1},
        {Errc::unavailable, 1},
        {Errc::internal, 1},
    };
    for (const auto& [code, exit] : cases)
        EXPECT_EQ(static_cast<int>(exit_for(code)), exit) << to_string(code);
}

TEST(Failure, SaysWhatWhyAndWhatNext) {
    EXPECT_EQ(
        to_string(Failure{"kill x", {Errc::not_found, "there is no task 'x'"}, "tepui get tasks"}),
        "tepui: kill x: there is no task 'x'\n  try: tepui get tasks\n");
    EXPECT_EQ(to_string(Failure{"up", {Errc::io, "broken"}, ""}), "tepui: up: broken\n");
}

/// A program with two verbs and a console that remembers.
class Program : public testing::Test {
protected:
    Program() {
        console_.out = [this](std::string_view text) { out_ += text; };
        console_.err = [this](std::string_view text) { err_ += text; };
        console_.environment = [](const std::string&) { return std::nullopt; };
        verbs_ = {version_verb(),     get_verb(),      run_verb(),        logs_verb(),
                  kill_verb(),        up_verb(),       down_verb(),       top_verb(),
                  describe_verb(),    events_verb(),   wait_verb(),       files_verb(),
                  gone_verb(),        teardown_verb(), exec_verb(),       attach_verb(),
                  cp_verb(),          role_verb(),     weight_verb(),     quota_verb(),
                  priority_verb(),    reserve_verb(),  unreserve_verb(),  volume_verb(),
                  maintenance_verb(), drain_verb(),    deactivate_verb(), reactivate_verb(),
                  images_verb(),      simulate_verb(), explain_verb(),    offer_verb()};
    }
    int run(std::vector<std::string> arguments) { return run_program(verbs_, arguments, console_); }

    Console console_;
    std::vector<Verb> verbs_;
    std::string out_;
    std::string err_;
};

TEST_F(Program, VersionInBothSpellings) {
    EXPECT_EQ(run({"version"}), 0);
    const std::string once = out_;
    EXPECT_THAT(once, HasSubstr("1.12.0"));
    EXPECT_EQ(run({"--version"}), 0);
    EXPECT_EQ(out_, once + once);
}

TEST_F(Program, UnknownVerbIsUsageWithTheNearest) {
    EXPECT_EQ(run({"verison"}), 2);
    EXPECT_THAT(err_, HasSubstr("tepui help version"));
}

TEST_F(Program, NothingGivenShowsTheVerbsOnStderr) {
    EXPECT_EQ(run({}), 2);
    EXPECT_THAT(err_, HasSubstr("run a command on the cluster"));
}

TEST_F(Program, UsageErrorsNameTheMistake) {
    const std::vector<std::pair<std::vector<std::string>, std::string>> cases = {
        {{"get", "agentz"}, "agents"},
        {{"get"}, "name a kind"},
        {{"get", "tasks", "-o", "xml"}, "xml"},
        {{"run"}, "COMMAND"},
        {{"run", "--cpu", "1", "x"}, "--cpus"},
        {{"run", "--memory", "much", "x"}, "much"},
        {{"run", "--instances=0", "x"}, "--instances"},
        {{"run", "--env", "NOVALUE", "x"}, "NOVALUE"},
        {{"logs"}, "name the task"},
        {{"exec", "web"}, "name a task and a command"},
        {{"attach"}, "name the task"},
        {{"cp", "web:x"}, "from where"},
        {{"kill"}, "name the task"},
        {{"up", "--agents=0"}, "--agents"},
        {{"up", "--port=70000"}, "--port"},
        {{"get", "tasks", "--master", "a:b:c"}, "a:b:c"},
        {{"get", "tasks", "-o", "jsonpath={.a[}"}, "column 5"},
        {{"describe"}, "name a kind"},
        {{"describe", "task"}, "name the task"},
        {{"wait", "task", "x"}, "--for"},
        {{"wait", "--for", "flying", "task", "x"}, "flying"},
        {{"wait", "--for", "running", "--timeout", "soon", "task", "x"}, "soon"},
        {{"events", "--kind", "weather"}, "weather"},
        {{"top", "--sort", "age"}, "age"},
        {{"images", "push"}, "neither list nor pull"},
        {{"images", "pull"}, "name the image"},
        {{"images", "list", "x"}, "'x'"},
        {{"files"}, "ls, cat or get"},
        {{"files", "get"}, "name the task"},
        {{"files", "ls", "x", "y"}, "'y' is too much"},
        {{"teardown"}, "name the framework"},
        {{"gone"}, "name the agent"},
        {{"explain"}, "name a kind (role, framework or agent)"},
        {{"explain", "role"}, "name a role"},
        {{"explain", "task", "x"}, "'task'"},
        {{"explain", "role", "x", "-o", "table"}, "'table'"},
        {{"offer", "rescind"}, "name an offer"},
        {{"offer", "recind", "x"}, "did you mean rescind?"},
    };
    for (const auto& [arguments, hint] : cases) {
        err_.clear();
        EXPECT_EQ(run(arguments), 2) << testing::PrintToString(arguments);
        EXPECT_THAT(err_, HasSubstr(hint));
        EXPECT_THAT(err_, HasSubstr("  try: tepui "));
    }
}

TEST_F(Program, EveryVerbHasAWholePage) {
    for (const Verb& verb : verbs_) {
        out_.clear();
        EXPECT_EQ(run({"help", verb.manual.name}), 0);
        for (const std::string part : {"NAME\n", "SYNOPSIS\n", "DESCRIPTION\n", "EXIT STATUS\n"}) {
            EXPECT_THAT(out_, HasSubstr(part)) << verb.manual.name;
        }
        const std::string by_help = out_;
        out_.clear();
        EXPECT_EQ(run({verb.manual.name, "--help"}), 0);
        EXPECT_EQ(out_, by_help);
        for (const Flag& flag : verb.flags.flags) {
            EXPECT_THAT(out_, HasSubstr(flag.name));
            EXPECT_FALSE(flag.help.empty()) << flag.name;
        }
    }
}

TEST_F(Program, EveryVerbHasAManPage) {
    for (const Verb& verb : verbs_) {
        out_.clear();
        EXPECT_EQ(run({"man", verb.manual.name}), 0);
        for (const std::string part : {".TH ", ".SH NAME", ".SH EXAMPLES\n.TP"}) {
            EXPECT_THAT(out_, HasSubstr(part)) << verb.manual.name;
        }
    }
    EXPECT_EQ(run({"man"}), 0);
    EXPECT_EQ(run({"man", "nothing"}), 2);
}

TEST_F(Program, BuiltinVerbsHavePages) {
    for (const std::string name : {"help", "man", "completion"}) {
        out_.clear();
        EXPECT_EQ(run({"help", name}), 0);
        EXPECT_THAT(out_, HasSubstr("EXAMPLES"));
        const std::string page = out_;
        out_.clear();
        EXPECT_EQ(run({name, "--help"}), 0);
        EXPECT_EQ(out_, page);
    }
}

TEST_F(Program, CompletionAsksTheProgramItself) {
    EXPECT_EQ(run({"completion", "bash"}), 0);
    EXPECT_THAT(out_, HasSubstr("complete -o default -F _tepui tepui"));
    out_.clear();
    EXPECT_EQ(run({"completion", "zsh"}), 0);
    EXPECT_THAT(out_, HasSubstr("#compdef tepui"));
    EXPECT_EQ(run({"completion", "fish"}), 2);
    EXPECT_THAT(err_, HasSubstr("fish"));
    out_.clear();
    EXPECT_EQ(run({"__complete", "--", "run", "--inst"}), 0);
    EXPECT_EQ(out_, "--instances\n");
    out_.clear();
    EXPECT_EQ(run({"__complete", "--", "get", ""}), 0);
    EXPECT_EQ(out_, "agents\nframeworks\ntasks\nexecutors\noffers\nroles\n");
}

}  // namespace
}  // namespace tepui::cli
