#pragma once

namespace tepui {

/// Lambdas as the arms of a std::visit: `std::visit(Overloaded{[](A) {}, [](B) {}}, variant)`.
template <typename... Arms>
struct Overloaded : Arms... {
    using Arms::operator()...;
};

}  // namespace tepui
