#pragma once

#include <memory>
#include <optional>
#include <string>

#include "master/master_testing.h"

namespace tepui::master {

/// A reader of the operator event stream, for tests.
class TestReader {
public:
    /// `query`: "?sequence=1", or nothing. `reads`: whether it takes what is sent to it.
    TestReader(TestIo& io, std::uint16_t port, const std::string& query = {},
               wire::Media media = wire::Media::json, bool reads = true);
    ~TestReader() { leave(); }
    TestReader(const TestReader&) = delete;
    TestReader& operator=(const TestReader&) = delete;

    /// The next record as it came; nothing at the stream's end. HEARTBEATs only if asked for.
    std::optional<std::string> next_bytes(bool heartbeats = false);
    mesos::v1::master::Event next(bool heartbeats = false);
    mesos::v1::master::Event decode(const std::string& bytes) const;
    /// Reads to the end of the stream.
    bool ended();
    void leave();

private:
    TestIo& io_;
    TestClient client_;
    const wire::Media media_;
    std::shared_ptr<http::ClientStream> stream_;
    std::shared_ptr<RecordQueue> records_ = std::make_shared<RecordQueue>();
};

}  // namespace tepui::master
