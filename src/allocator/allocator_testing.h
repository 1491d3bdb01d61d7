#pragma once

#include <string_view>

#include <gtest/gtest.h>

#include "mesos/v1/mesos.pb.h"
#include "resources/resources.h"

namespace tepui::allocator {

/// Resources as --resources writes them: "cpus:4;mem(prod):64", or JSON.
inline Resources of(std::string_view text) {
    auto resources = Resources::parse_flag(text);
    EXPECT_TRUE(resources) << text;
    return resources ? *resources : Resources{};
}

/// The domain of an agent or a master in that region.
inline mesos::v1::DomainInfo region(const char* name) {
    mesos::v1::DomainInfo domain;
    domain.mutable_fault_domain()->mutable_region()->set_name(name);
    domain.mutable_fault_domain()->mutable_zone()->set_name("z");
    return domain;
}

}  // namespace tepui::allocator
