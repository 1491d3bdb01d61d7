#pragma once

#include <memory>
#include <stdexcept>
#include <thread>

#include <gtest/gtest.h>

#include "base/temporary_directory_testing.h"
#include "master/master.h"
#include "master/master_testing.h"

namespace tepui::master {

/// A master with a registry in memory on a free port, and a client of it.
class RoutesTest : public testing::Test {
protected:
    RoutesTest() {
        MasterOptions options;
        options.port = 0;
        options.hostname = "master.example";
        options.work_dir = folder_.path();
        options.registry = RegistryKind::in_memory;
        options.log.to_stderr = false;
        options.flags = {{"given", "as is"}};
        options.core.weights = {{"silver", 2.5}};
        master_ = std::make_unique<Master>(options);
        const auto started = master_->start();
        if (!started) throw std::runtime_error(started.error().text);
        client_ = std::make_unique<TestClient>(io_, master_->port());
        while (client_->get("/state-summary").status == 503) std::this_thread::yield();
    }

    /// The body of a GET that has to work.
    std::string body(const std::string& target) {
        const http::Response response = client_->get(target);
        EXPECT_EQ(response.status, 200U) << target;
        return response.body ? *response.body : "";
    }

    const TemporaryDirectory folder_;
    TestIo io_;
    std::unique_ptr<Master> master_;
    std::unique_ptr<TestClient> client_;
};

}  // namespace tepui::master
