#include "resources/quantities.h"

namespace tepui {

Quantity amount_of(const Quantities& quantities, std::string_view name) {
    const auto it = quantities.find(name);
    return it == quantities.end() ? Quantity{} : it->second;
}

void add(Quantities& sum, const Quantities& part) {
    for (const auto& [name, quantity] : part) sum[name] += quantity;
}

Quantities lacking(const Quantities& wanted, const Quantities& has) {
    Quantities lack;
    for (const auto& [name, quantity] : wanted) {
        const Quantity there = amount_of(has, name);
        if (quantity > there) lack[name] = quantity - there;
    }
    return lack;
}

}  // namespace tepui
