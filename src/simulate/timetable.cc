#include "simulate/timetable.h"

#include <utility>

namespace tepui::simulate {

void Timetable::after(Duration delay, std::function<void()> action) {
    queue_.push({now_ + delay, ++next_number_});
    actions_.emplace(next_number_, std::move(action));
}

bool Timetable::run_one() {
    if (next() > now_) return false;
    const auto number = queue_.top().number;
    queue_.pop();
    const auto node = actions_.extract(number);
    node.mapped()();
    return true;
}

}  // namespace tepui::simulate
