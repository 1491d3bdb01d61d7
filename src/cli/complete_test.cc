#include "cli/complete.h"

#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include "cli/client/find_object.h"
#include "cli/roff.h"
#include "cli/verbs/verbs.h"

namespace tepui::cli {
namespace {

using testing::Contains;
using testing::ElementsAre;
using testing::HasSubstr;
using testing::IsEmpty;
using testing::Not;

std::vector<Verb> verbs() {
    std::vector<Verb> list = {get_verb(),     describe_verb(), wait_verb(), files_verb(),
                              run_verb(),     events_verb(),   top_verb(),  kill_verb(),
                              explain_verb(), offer_verb()};
    for (Verb& verb : builtin_verbs()) list.push_back(std::move(verb));
    return list;
}

Candidates candidates(std::vector<std::string> words) { return find_candidates(verbs(), words); }

TEST(Complete, Words) {
    const std::vector<std::pair<std::vector<std::string>, std::vector<std::string>>> cases = {
        {{"g"}, {"get"}},
        {{"get", "ta"}, {"tasks"}},
        {{"describe", ""}, {"agent", "framework", "task"}},
        {{"files", "l"}, {"ls"}},
        {{"explain", ""}, {"role", "framework", "agent"}},
        {{"explain", "role", "-o", "t"}, {"text"}},
        {{"offer", "r"}, {"rescind"}},
        {{"get", "tasks", "--wat"}, {"--watch"}},
        {{"get", "-o", "y"}, {"yaml"}},
        {{"get", "--output", "na"}, {"name"}},
        {{"get", "--output", "=", "na"}, {"name"}},
        {{"get", "--output", "="}, {"table", "wide", "json", "yaml", "name", "jsonpath="}},
        {{"top", "--sort", ""}, {"cpu", "mem", "name"}},
        {{"wait", "--for", "fini"}, {"finished"}},
        {{"completion", ""}, {"bash", "zsh"}},
        {{"help", "ki"}, {"kill"}},
        {{"nothing", "x"}, {}},
        {{"run", "--", "l"}, {}},
    };
    for (const auto& [words, wanted] : cases) {
        EXPECT_EQ(candidates(words).words, wanted) << testing::PrintToString(words);
    }
}

TEST(Complete, KindsThatTheMasterKnows) {
    const std::vector<std::pair<std::vector<std::string>, std::string>> cases = {
        {{"get", "tasks", "w"}, "tasks"},
        {{"get", "-o", "yaml", "agent", "x", "y"}, "agents"},
        {{"describe", "framework", ""}, "frameworks"},
        {{"wait", "--for", "running", "task", ""}, "tasks"},
        {{"files", "cat", ""}, "tasks"},
        {{"kill", "a"}, "tasks"},
        {{"explain", "agent", ""}, "agents"},
        {{"offer", "rescind", ""}, "offers"},
        {{"events", "--agent", ""}, "agents"},
        {{"events", "--role", ""}, "roles"},
        {{"get", "ta"}, ""},
    };
    for (const auto& [words, kind] : cases) {
        EXPECT_EQ(candidates(words).kind, kind) << testing::PrintToString(words);
    }
    EXPECT_EQ(candidates({"kill", "--master", "h:1", "x"}).master, "h:1");
    EXPECT_EQ(candidates({"kill", "--master=h:1", "x"}).master, "h:1");
    EXPECT_EQ(candidates({"kill", "--master", "=", "h:1", "x"}).master, "h:1");
}

TEST(Complete, WithoutAMasterNothingIsOfferedAndNothingIsSaid) {
    Console console;
    console.environment = [](const std::string&) { return "127.0.0.1:1"; };
    EXPECT_THAT(ask_candidates(candidates({"kill", ""}), console), IsEmpty());
}

TEST(FindCandidate, ByIdPrefixAndName) {
    const std::vector<Candidate> all = {
        {"S1", "box"}, {"S10", "other"}, {"T7", "twin"}, {"T8", "twin"}};
    EXPECT_EQ(find_candidate("agent", all, "S1"), 0U);
    EXPECT_EQ(find_candidate("agent", all, "S10"), 1U);
    EXPECT_EQ(find_candidate("agent", all, "other"), 1U);
    EXPECT_EQ(find_candidate("agent", all, "T7"), 2U);
    EXPECT_EQ(find_candidate("agent", all, "twin").error().code, Errc::conflict);
    EXPECT_THAT(find_candidate("agent", all, "T").error().text,
                HasSubstr("'T' means 2 agents: T7 (twin), T8 (twin)"));
    EXPECT_EQ(find_candidate("agent", all, "nope").error().code, Errc::not_found);
    EXPECT_THAT(find_candidate("agent", all, "othr").error().text,
                HasSubstr("did you mean 'other'?"));
}

TEST(Roff, HasTheSectionsOfAManualPage) {
    const Verb verb = wait_verb();
    const std::string page = render_roff(verb.manual, verb.flags);
    std::size_t place = 0;
    for (const std::string section :
         {".TH TEPUI-WAIT 1 ", ".SH NAME\ntepui\\-wait \\- ", ".SH SYNOPSIS\n.B tepui\n",
          ".SH DESCRIPTION\n", ".SH OPTIONS\n", ".SH EXIT STATUS\n", ".SH EXAMPLES\n",
          ".SH SEE ALSO\n"}) {
        const std::size_t found = page.find(section, place);
        ASSERT_NE(found, std::string::npos) << section;
        place = found;
    }
    EXPECT_THAT(page, HasSubstr("\\fB\\-\\-for\\fR \\fISTATE\\fR"));
    EXPECT_THAT(page, HasSubstr(".SS \"Cluster\""));
    EXPECT_THAT(page, HasSubstr("Environment: \\fBTEPUI_MASTER\\fR."));
}

TEST(Roff, TextCannotBecomeARequest) {
    Manual manual;
    manual.name = "x";
    manual.summary = "s";
    manual.description = {".so /etc/passwd", "a\n.nf \\n'b"};
    const std::string page = render_roff(manual, FlagSet{});
    EXPECT_THAT(page, HasSubstr("\n\\&.so /etc/passwd\n"));
    EXPECT_THAT(page, HasSubstr("a\n\\&.nf \\en\\(aqb\n"));
}

TEST(Roff, ProgramPageNamesEveryVerb) {
    const auto all = verbs();
    const std::string page = render_program_roff(all);
    for (const Verb& verb : all) EXPECT_THAT(page, HasSubstr("\\fB" + verb.manual.name + "\\fR"));
}

}  // namespace
}  // namespace tepui::cli
