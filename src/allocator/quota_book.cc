#include "allocator/quota_book.h"

#include <algorithm>
#include <limits>

#include "base/assert.h"
#include "resources/entry.h"

namespace tepui::allocator {

namespace {

constexpr std::int64_t unlimited = std::numeric_limits<std::int64_t>::max();

std::int64_t at(const std::vector<std::int64_t>& values, std::size_t kind) {
    return kind < values.size() ? values[kind] : 0;
}

void add(std::vector<std::int64_t>& values, const Amounts& amounts, int sign) {
    for (const auto& amount : amounts) {
        if (values.size() <= amount.kind) values.resize(amount.kind + 1);
        values[amount.kind] += sign * amount.milli;
    }
}

bool grew(const Amounts& now, const Amounts& before) {
    for (std::size_t i = 0; i < now.size(); ++i) {
        if (now[i].milli > before[i].milli) return true;
    }
    return false;
}

Amounts without_zeros(Amounts amounts) {
    std::erase_if(amounts, [](const Amount& amount) { return amount.milli <= 0; });
    return amounts;
}

}  // namespace

std::int64_t QuotaBook::Account::unsatisfied(std::uint32_t kind) const {
    for (const auto& guarantee : guarantees) {
        if (guarantee.kind != kind) continue;
        return std::max<std::int64_t>(0, guarantee.milli - consumed_of(kind));
    }
    return 0;
}

bool QuotaBook::Account::is_hungry() const {
    return std::any_of(guarantees.begin(), guarantees.end(), [&](const Amount& guarantee) {
        return guarantee.milli > consumed_of(guarantee.kind);
    });
}

QuotaBook::QuotaBook(Capacity& capacity, std::vector<Quantities> min_allocatable)
    : capacity_(capacity) {
    for (const auto& minimum : min_allocatable) minimums_.push_back(capacity_.amounts_of(minimum));
}

QuotaBook::Account& QuotaBook::account_of(std::string_view role) {
    Account* parent = nullptr;
    for (std::size_t end = 0; end != std::string_view::npos;) {
        end = role.find('/', end == 0 ? 0 : end + 1);
        const auto name = role.substr(0, end);
        auto it = accounts_.find(name);
        if (it == accounts_.end()) {
            auto account = std::make_unique<Account>();
            account->role = name;
            account->parent = parent;
            if (parent) ++parent->uses;
            it = accounts_.emplace(name, std::move(account)).first;
        }
        parent = it->second.get();
    }
    return *parent;
}

void QuotaBook::drop_unused(Account* account) {
    while (account && account->uses == 0 && !account->has_quota() &&
           std::all_of(account->consumed.begin(), account->consumed.end(),
                       [](std::int64_t milli) { return milli == 0; })) {
        Account* parent = account->parent;
        if (parent) --parent->uses;
        accounts_.erase(accounts_.find(account->role));
        account = parent;
    }
}

QuotaBook::Account& QuotaBook::top_of(Account& account) {
    Account* top = &account;
    while (top->parent) top = top->parent;
    return *top;
}

QuotaBook::Account& QuotaBook::attach(const std::string& role, ClientHandle client) {
    auto& account = account_of(role);
    ++account.uses;
    auto& top = top_of(account);
    top.clients.insert(client);
    judge(top);
    return account;
}

void QuotaBook::detach(Account& account, ClientHandle client) {
    auto& top = top_of(account);
    top.clients.erase(client);
    judge(top);
    --account.uses;
    drop_unused(&account);
}

QuotaBook::Account* QuotaBook::find(std::string_view role) {
    const auto it = accounts_.find(role);
    return it == accounts_.end() ? nullptr : it->second.get();
}

void QuotaBook::set_quota(const std::string& role, const Quantities& guarantees,
                          const Quantities& limits) {
    auto& account = account_of(role);
    count_required(account, -1);
    guarantees_ -= account.guarantees.empty() ? 0 : 1;
    account.guarantees = without_zeros(capacity_.amounts_of(guarantees));
    account.limits = capacity_.amounts_of(limits);
    guarantees_ += account.guarantees.empty() ? 0 : 1;
    count_required(account, 1);
    account.seen_room = room_of(account);
    account.seen_unsatisfied = unsatisfied_of(account);
    judge(account);
    if (account.has_quota()) {
        touch(account);
        return;
    }
    removed_ = true;
    std::erase(touched_, &account);
    account.touched = false;
    drop_unused(&account);
}

void QuotaBook::consume(Account& account, const Amounts& amounts, int sign) {
    if (amounts.empty()) return;
    for (Account* each = &account; each; each = each->parent) {
        if (each->parent || !each->has_quota()) {
            add(each->consumed, amounts, sign);
            continue;
        }
        count_required(*each, -1);
        add(each->consumed, amounts, sign);
        count_required(*each, 1);
        judge(*each);
        touch(*each);
    }
    if (sign < 0) drop_unused(&account);
}

void QuotaBook::reserve(const Resources& total, int sign) {
    for (const auto& entry : total.entries()) {
        if (!entry.is_scalar() || !entry.is_reserved()) continue;
        consume(account_of(entry.reservation_role()),
                {{capacity_.kind_of(entry.name), entry.scalar().milli}}, sign);
    }
}

Quantities QuotaBook::consumed(std::string_view role) const {
    Quantities quantities;
    const auto it = accounts_.find(role);
    if (it == accounts_.end()) return quantities;
    const auto& consumed = it->second->consumed;
    for (std::uint32_t kind = 0; kind < consumed.size(); ++kind) {
        if (consumed[kind] != 0) quantities[capacity_.name_of(kind)] = Quantity{consumed[kind]};
    }
    return quantities;
}

void QuotaBook::add_available(const Amounts& amounts, int sign) { add(available_, amounts, sign); }

void QuotaBook::count_required(const Account& account, int sign) {
    if (account.guarantees.empty()) return;
    add(required_, unsatisfied_of(account), sign);
}

void QuotaBook::judge(Account& account) {
    if (account.parent) return;
    if (account.is_hungry() && !account.clients.empty()) {
        hungry_.emplace(account.role, &account);
    } else {
        hungry_.erase(account.role);
    }
    const auto room = room_of(account);
    const auto lacks = [&](const Amount& least) {
        return std::any_of(room.begin(), room.end(), [&](const Amount& left) {
            return left.kind == least.kind && left.milli < least.milli;
        });
    };
    account.exhausted = !minimums_.empty() &&
                        std::all_of(minimums_.begin(), minimums_.end(), [&](const auto& minimum) {
                            return std::any_of(minimum.begin(), minimum.end(), lacks);
                        });
}

void QuotaBook::touch(Account& account) {
    if (account.touched) return;
    account.touched = true;
    touched_.push_back(&account);
}

Amounts QuotaBook::room_of(const Account& account) {
    Amounts room = account.limits;
    for (auto& left : room) left.milli -= account.consumed_of(left.kind);
    return room;
}

Amounts QuotaBook::unsatisfied_of(const Account& account) {
    Amounts unsatisfied = account.guarantees;
    for (auto& amount : unsatisfied) amount.milli = account.unsatisfied(amount.kind);
    return unsatisfied;
}

std::vector<const QuotaBook::Account*> QuotaBook::unsatisfied_accounts() const {
    std::vector<const Account*> result;
    for (const auto& [role, account] : accounts_) {
        if (account->is_hungry()) result.push_back(account.get());
    }
    return result;
}

std::int64_t QuotaBook::surplus(std::size_t kind) const {
    if (at(required_, kind) <= 0) return unlimited;
    return std::max<std::int64_t>(0, at(available_, kind) - required_[kind]);
}

void QuotaBook::caps_for(const Account* top, Amounts& caps) const {
    caps.clear();
    if (top) caps = room_of(*top);
    for (auto& cap : caps) cap.milli = std::max<std::int64_t>(0, cap.milli);
    for (std::uint32_t kind = 0; kind < required_.size(); ++kind) {
        if (required_[kind] <= 0) continue;
        const auto most = surplus(kind) + (top ? top->unsatisfied(kind) : 0);
        const auto cap = std::find_if(caps.begin(), caps.end(),
                                      [&](const Amount& other) { return other.kind == kind; });
        if (cap == caps.end()) {
            caps.push_back({kind, most});
        } else {
            cap->milli = std::min(cap->milli, most);
        }
    }
}

bool QuotaBook::keeps_headroom() const {
    return std::any_of(required_.begin(), required_.end(),
                       [](std::int64_t milli) { return milli > 0; });
}

std::vector<QuotaBook::Account*> QuotaBook::opened_accounts() const {
    std::vector<Account*> opened;
    for (Account* account : touched_) {
        if (grew(room_of(*account), account->seen_room) ||
            grew(unsatisfied_of(*account), account->seen_unsatisfied)) {
            opened.push_back(account);
        }
    }
    return opened;
}

bool QuotaBook::headroom_opened() const {
    for (std::size_t kind = 0; kind < seen_surplus_.size(); ++kind) {
        if (surplus(kind) > seen_surplus_[kind]) return true;
    }
    return false;
}

void QuotaBook::end_round() {
    for (Account* account : touched_) {
        account->touched = false;
        account->seen_room = room_of(*account);
        account->seen_unsatisfied = unsatisfied_of(*account);
    }
    touched_.clear();
    removed_ = false;
    if (required_.empty()) return;
    seen_surplus_.resize(required_.size());
    for (std::size_t kind = 0; kind < required_.size(); ++kind) seen_surplus_[kind] = surplus(kind);
}

}  // namespace tepui::allocator
