#pragma once

#include <string_view>

#include "resources/resources.h"

// Sums and differences of scalar amounts by name. A name that is missing is 0.
namespace tepui {

Quantity amount_of(const Quantities& quantities, std::string_view name);

void add(Quantities& sum, const Quantities& part);

/// What is missing of `wanted` where there is `has`: positive amounts only.
Quantities lacking(const Quantities& wanted, const Quantities& has);

}  // namespace tepui
