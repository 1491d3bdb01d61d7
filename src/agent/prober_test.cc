#include "agent/prober.h"

#include <gmock/gmock.h>
#include <gtest/gtest.h>
#include <openssl/evp.h>
#include <openssl/x509.h>

#include <atomic>
#include <chrono>
#include <filesystem>
#include <fstream>
#include <future>
#include <set>
#include <thread>

#include <boost/asio.hpp>
#include <boost/asio/ssl.hpp>

#include "agent/probe_url.h"

namespace tepui::agent {
namespace {

using asio::ip::tcp;
using Outcome = ProbeResult::Outcome;
constexpr std::chrono::seconds wait_max{30};

/// Answers each path with the bytes it is given, on a thread of its own; a path without any hangs.
class Site {
public:
    explicit Site(bool tls = false) : tls_(tls) {
        if (tls) use_fresh_certificate();
        asio::co_spawn(io_, accept(), asio::detached);
        thread_ = std::thread([this] { io_.run(); });
    }
    ~Site() {
        io_.stop();
        thread_.join();
    }
    std::uint16_t port() const { return acceptor_.local_endpoint().port(); }
    /// Before the first probe.
    void serve(const std::string& path, const std::string& bytes) { pages_[path] = bytes; }
    std::string last_request;  // Read it after the answer.
    std::atomic<int> connections = 0;

private:
    asio::awaitable<void> accept() {
        for (;;) {
            tcp::socket socket = co_await acceptor_.async_accept(asio::use_awaitable);
            ++connections;
            asio::co_spawn(io_, serve_one(std::move(socket)), asio::detached);
        }
    }
    asio::awaitable<void> serve_one(tcp::socket socket) {
        if (!tls_) {
            co_await talk(socket);
            co_return;
        }
        asio::ssl::stream<tcp::socket&> stream(socket, context_);
        co_await stream.async_handshake(asio::ssl::stream_base::server, asio::use_awaitable);
        co_await talk(stream);
    }
    template <typename Stream>
    asio::awaitable<void> talk(Stream& stream) {
        std::string request;
        const std::size_t size = co_await asio::async_read_until(
            stream, asio::dynamic_buffer(request), "\r\n\r\n", asio::use_awaitable);
        last_request = request.substr(0, size);
        const std::string path = request.substr(4, request.find(' ', 4) - 4);
        const auto page = pages_.find(path);
        if (page == pages_.end()) {  // Until the probe goes.
            char byte = 0;
            co_await stream.async_read_some(asio::buffer(&byte, 1), asio::use_awaitable);
            co_return;
        }
        co_await asio::async_write(stream, asio::buffer(page->second), asio::use_awaitable);
    }
    void use_fresh_certificate() {
        EVP_PKEY* key = EVP_RSA_gen(2048);
        X509* certificate = X509_new();
        X509_gmtime_adj(X509_getm_notBefore(certificate), 0);
        X509_gmtime_adj(X509_getm_notAfter(certificate), 3600);
        X509_set_pubkey(certificate, key);
        X509_sign(certificate, key, EVP_sha256());  // By itself, for no name at all.
        SSL_CTX_use_certificate(context_.native_handle(), certificate);
        SSL_CTX_use_PrivateKey(context_.native_handle(), key);
        X509_free(certificate);
        EVP_PKEY_free(key);
    }

    const bool tls_;
    asio::io_context io_{1};
    asio::ssl::context context_{asio::ssl::context::tls_server};
    tcp::acceptor acceptor_{io_, {asio::ip::address_v4::loopback(), 0}};
    std::map<std::string, std::string> pages_;
    std::thread thread_;
};

std::string page(const std::string& status, const std::string& fields = "",
                 const std::string& body = "") {
    return fmt::format("HTTP/1.1 {}\r\n{}Content-Length: {}\r\n\r\n{}", status, fields, body.size(),
                       body);
}

/// A port at which nobody listens.
std::uint16_t free_port() {
    asio::io_context io;
    return tcp::acceptor(io, {asio::ip::address_v4::loopback(), 0}).local_endpoint().port();
}

struct ProberTest : ::testing::Test {
    std::future<ProbeResult> begin(ProbeTarget target, Duration timeout = wait_max,
                                   const std::string& container = "c") {
        auto promise = std::make_shared<std::promise<ProbeResult>>();
        auto answer = promise->get_future();
        prober->start({ProbeId{++count}, ContainerId{container}, std::move(target), timeout},
                      [promise](ProbeResult result) { promise->set_value(std::move(result)); });
        return answer;
    }
    static ProbeResult await(std::future<ProbeResult> answer) {
        if (answer.wait_for(wait_max) == std::future_status::ready) return answer.get();
        ADD_FAILURE() << "the probe was not answered";
        return {};
    }
    ProbeResult look(ProbeTarget target, Duration timeout = wait_max) {
        return await(begin(std::move(target), timeout));
    }
    ProbeResult get(std::uint16_t port, const std::string& path,
                    const std::string& scheme = "http") {
        return look(HttpProbe{scheme, port, path, false});
    }

    std::vector<std::pair<StartProbe, Prober::Done>> commands;
    std::vector<ContainerId> cancelled;
    std::promise<void> command_came;
    std::unique_ptr<Prober> prober = std::make_unique<Prober>(
        Prober::Commands{[this](const StartProbe& probe, Prober::Done done) {
                             commands.emplace_back(probe, std::move(done));
                             command_came.set_value();
                         },
                         [this](const ContainerId& x) { cancelled.push_back(x); }},
        4);
    std::uint64_t count = 0;
};

TEST_F(ProberTest, HttpAnswersTheStatus) {
    Site site;
    site.serve("/", page("200 OK"));
    site.serve("/teapot?x=1", page("418 I'm a teapot", "X: y\r\n", "short and stout"));
    site.serve("/none", "HTTP/1.1 204 No Content\r\n\r\n");
    site.serve("/to-the-end", "HTTP/1.0 500 Oops\r\n\r\nuntil the connection closes");
    site.serve("/later", "HTTP/1.1 100 Continue\r\n\r\n" + page("201 Created"));
    site.serve("/here", page("300 Choices"));  // A redirect that leads nowhere is an answer.
    struct Row {
        const char* path;
        int status;
    };
    for (const Row& row : {Row{"/", 200}, Row{"/teapot?x=1", 418}, Row{"/none", 204},
                           Row{"/to-the-end", 500}, Row{"/later", 201}, Row{"/here", 300}}) {
        SCOPED_TRACE(row.path);
        const ProbeResult result = get(site.port(), row.path);
        EXPECT_EQ(result.outcome, Outcome::answered) << result.why;
        EXPECT_EQ(result.value, row.status);
    }
    EXPECT_THAT(site.last_request, ::testing::StartsWith("GET /here HTTP/1.1\r\n"));
    EXPECT_THAT(site.last_request,
                ::testing::HasSubstr(fmt::format("Host: 127.0.0.1:{}\r\n", site.port())));
}

TEST_F(ProberTest, RedirectsAreFollowed) {
    Site other;
    other.serve("/end", page("404 Not Found"));
    Site site;
    site.serve("/a/first", page("302 Found", "Location: second?x\r\n"));
    site.serve("/a/second?x", page("301 Moved", "Location: /third#part\r\n"));
    site.serve("/third", page("307 Again",
                              fmt::format("Location: http://localhost:{}/end\r\n", other.port())));
    site.serve("/round", page("302 Found", "Location: /round\r\n"));
    site.serve("/mail", page("302 Found", "Location: mailto:me@example.com\r\n"));
    const ProbeResult result = get(site.port(), "/a/first");
    EXPECT_EQ(result.outcome, Outcome::answered) << result.why;
    EXPECT_EQ(result.value, 404);
    EXPECT_EQ(site.connections, 3);
    EXPECT_EQ(get(site.port(), "/round").outcome, Outcome::failed);
    EXPECT_EQ(get(site.port(), "/mail").outcome, Outcome::failed);
}

TEST_F(ProberTest, HttpsTakesAnyCertificate) {
    Site site(true);
    site.serve("/", page("200 OK"));
    const ProbeResult result = get(site.port(), "/", "https");
    EXPECT_EQ(result.outcome, Outcome::answered) << result.why;
    EXPECT_EQ(result.value, 200);
    Site plain;
    plain.serve("/",
                page("302 Found", fmt::format("Location: https://127.0.0.1:{}/\r\n", site.port())));
    EXPECT_EQ(get(plain.port(), "/").value, 200);
    EXPECT_EQ(look(HttpProbe{"https", plain.port(), "/", false}, 200ms).outcome,
              Outcome::timed_out);
}

TEST_F(ProberTest, NoAnswerIsNoStatus) {
    Site site;
    site.serve("/noise", "SSH-2.0-something\r\n\r\n");
    site.serve("/cut", "HTTP/1.1 200 OK\r\nContent-Length: 100\r\n\r\nhalf of it");
    site.serve("/silent", "");
    for (const char* path : {"/noise", "/cut", "/silent"}) {
        SCOPED_TRACE(path);
        EXPECT_EQ(get(site.port(), path).outcome, Outcome::failed);
    }
    EXPECT_EQ(get(free_port(), "/").outcome, Outcome::failed);
    const ProbeResult hung = look(HttpProbe{"http", site.port(), "/hangs", false}, 100ms);
    EXPECT_EQ(hung.outcome, Outcome::timed_out);
    EXPECT_THAT(hung.why, ::testing::HasSubstr("100ms"));
}

TEST_F(ProberTest, EndlessBodyIsNotReadToItsEnd) {
    Site site;
    site.serve("/", page("200 OK", "", std::string(std::size_t{8} << 20, 'x')));
    EXPECT_EQ(get(site.port(), "/").value, 200);
}

TEST_F(ProberTest, TcpTellsWhetherItConnects) {
    Site site;
    EXPECT_EQ(look(TcpProbe{site.port(), false}).value, 1);
    const ProbeResult refused = look(TcpProbe{free_port(), false});
    EXPECT_EQ(refused.outcome, Outcome::answered);
    EXPECT_EQ(refused.value, 0);
    EXPECT_EQ(look(TcpProbe{site.port(), true}).value, 0) << "nobody listens at ::1";
}

TEST_F(ProberTest, TcpThatHangsTimesOut) {
    // A full queue of a listener that accepts nobody: the kernel drops what comes.
    asio::io_context io;
    tcp::acceptor listener(io, tcp::v4());
    listener.bind({asio::ip::address_v4::loopback(), 0});
    listener.listen(0);
    const std::uint16_t port = listener.local_endpoint().port();
    std::vector<std::unique_ptr<tcp::socket>> fillers;
    for (int i = 0; i < 8; ++i) {
        fillers.push_back(std::make_unique<tcp::socket>(io, tcp::v4()));
        fillers.back()->async_connect(listener.local_endpoint(),
                                      [](const boost::system::error_code&) {});
    }
    EXPECT_EQ(look(TcpProbe{port, false}, 200ms).outcome, Outcome::timed_out);
}

TEST_F(ProberTest, CommandsGoToWhoRunsThem) {
    auto answer = begin(CommandProbe{}, 5s, "box");
    command_came.get_future().wait();
    EXPECT_EQ(commands[0].first.container, ContainerId{"box"});
    EXPECT_EQ(commands[0].first.timeout, 5s);
    commands[0].second({Outcome::answered, 3, "exit"});
    EXPECT_EQ(await(std::move(answer)).value, 3);
}

TEST_F(ProberTest, CancelledProbesAreNotAnswered) {
    Site site;
    auto command = begin(CommandProbe{}, wait_max, "box");
    auto network = begin(HttpProbe{"http", site.port(), "/hangs", false}, wait_max, "box");
    auto other = begin(TcpProbe{site.port(), false}, wait_max, "other");
    EXPECT_EQ(await(std::move(other)).value, 1);
    prober->cancel(ContainerId{"box"});
    EXPECT_EQ(look(TcpProbe{site.port(), false}).value, 1);  // So much later the cancel is done.
    EXPECT_THAT(cancelled, ::testing::ElementsAre(ContainerId{"box"}));
    commands[0].second({Outcome::answered, 3, "it crossed the cancel"});
    prober.reset();
    for (auto* answer : {&command, &network}) {
        try {
            answer->get();
            ADD_FAILURE() << "it was answered";
        } catch (const std::future_error&) {  // Its promise is gone, unkept.
        }
    }
}

TEST_F(ProberTest, MoreThanMayRunWaitAndAreAnsweredInTurn) {
    Site site;
    std::vector<std::future<ProbeResult>> hanging;
    for (int i = 0; i < 4; ++i) {
        hanging.push_back(begin(HttpProbe{"http", site.port(), "/hangs", false}, 300ms));
    }
    // Its own timeout is shorter than the wait for its turn.
    auto waiting = begin(TcpProbe{site.port(), false}, 250ms);
    EXPECT_EQ(await(std::move(waiting)).value, 1);
    for (auto& answer : hanging) {
        EXPECT_EQ(await(std::move(answer)).outcome, Outcome::timed_out);
    }
    // The last connection was there before the site had taken it.
    const auto deadline = std::chrono::steady_clock::now() + wait_max;
    while (site.connections < 5 && std::chrono::steady_clock::now() < deadline) {
        std::this_thread::yield();
    }
    EXPECT_EQ(site.connections, 5);
}

TEST_F(ProberTest, ThousandsMayWaitForOneAndEndAtOnce) {
    Site site;
    std::vector<std::future<ProbeResult>> hanging;
    for (int i = 0; i < 4; ++i) {
        hanging.push_back(begin(HttpProbe{"http", site.port(), "/hangs", false}, 300ms));
    }
    const std::uint16_t nobody = free_port();
    std::vector<std::future<ProbeResult>> waiting;
    for (int i = 0; i < 5'000; ++i) waiting.push_back(begin(TcpProbe{nobody, false}));
    for (auto& answer : waiting) {
        EXPECT_EQ(await(std::move(answer)),
                  (ProbeResult{Outcome::answered, 0, "Connection refused"}));
    }
    for (auto& answer : hanging) {
        EXPECT_EQ(await(std::move(answer)).outcome, Outcome::timed_out);
    }
}

/// Entries of a folder of /proc/self.
std::size_t count_own(const std::string& folder) {
    std::size_t entries = 0;
    for ([[maybe_unused]] const auto& entry :
         std::filesystem::directory_iterator("/proc/self/" + folder)) {
        ++entries;
    }
    return entries;
}
std::string own_children() {
    std::string all;
    for (const auto& entry : std::filesystem::directory_iterator("/proc/self/task")) {
        std::ifstream file(entry.path() / "children");
        all.append(std::istreambuf_iterator<char>(file), {});
    }
    return all;
}

TEST_F(ProberTest, AThousandLooksCostNoProcessNoThreadAndFewDescriptors) {
    Site site;
    site.serve("/", page("200 OK"));
    const std::size_t threads = count_own("task");
    const std::size_t descriptors = count_own("fd");
    std::vector<std::future<ProbeResult>> answers;
    for (int i = 0; i < 500; ++i) {
        answers.push_back(begin(TcpProbe{site.port(), false}));
        answers.push_back(begin(HttpProbe{"http", site.port(), "/", false}));
    }
    EXPECT_EQ(own_children(), "");
    EXPECT_EQ(count_own("task"), threads);
    EXPECT_LE(count_own("fd"), descriptors + 64);
    int good = 0;
    for (auto& answer : answers) good += await(std::move(answer)).value != 0;
    EXPECT_EQ(good, 1000);
    EXPECT_EQ(own_children(), "");
    EXPECT_EQ(count_own("task"), threads);
}

TEST(ProbeUrl, RedirectsLeadWhereTheySay) {
    const ProbeUrl from{false, "127.0.0.1", 8080, "/a/b?x=1"};
    struct Row {
        const char* location;
        ProbeUrl to;
    };
    const Row rows[] = {
        {"/c?y", {false, "127.0.0.1", 8080, "/c?y"}},
        {"c", {false, "127.0.0.1", 8080, "/a/c"}},
        {"?z", {false, "127.0.0.1", 8080, "/a/b?z"}},
        {"#top", {false, "127.0.0.1", 8080, "/a/b?x=1"}},
        {"http://example.com", {false, "example.com", 80, "/"}},
        {"HTTPS://example.com/x", {true, "example.com", 443, "/x"}},
        {"https://me:secret@example.com:1/x", {true, "example.com", 1, "/x"}},
        {"http://[::1]:9/x", {false, "::1", 9, "/x"}},
        {"http://example.com?q", {false, "example.com", 80, "/?q"}},
        {"//example.com/x", {false, "example.com", 80, "/x"}},
        {"/a:b", {false, "127.0.0.1", 8080, "/a:b"}},
    };
    for (const Row& row : rows) {
        SCOPED_TRACE(row.location);
        const auto to = follow_redirect(from, row.location);
        ASSERT_TRUE(to.has_value()) << to.error().text;
        EXPECT_EQ(*to, row.to);
    }
    for (const char* bad : {"ftp://x/", "mailto:x", "http://", "http://h:x/", "http://h:70000/",
                            "http://[::1/", "/a b", "/a\r\nX: y", "javascript:alert(1)"}) {
        EXPECT_FALSE(follow_redirect(from, bad).has_value()) << bad;
    }
    EXPECT_EQ(host_field({true, "example.com", 443, "/"}), "example.com");
    EXPECT_EQ(host_field({false, "::1", 81, "/"}), "[::1]:81");
}

TEST(Prober, StatusOfACommand) {
    EXPECT_EQ(result_of_status(0).value, 0);
    EXPECT_EQ(result_of_status(7 << 8).value, 7);
    EXPECT_EQ(result_of_status(9).value, 137);
}

}  // namespace
}  // namespace tepui::agent
