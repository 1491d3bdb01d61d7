#pragma once

#include <cstdint>
#include <map>
#include <memory>
#include <set>
#include <string>
#include <string_view>
#include <vector>

#include "allocator/amounts.h"
#include "allocator/role_tree.h"

namespace tepui::allocator {

/// What counts against quotas, by role with all below it: reservations, allocated or not, and
/// unreserved scalars that are allocated. And the headroom: what has to stay free on all agents
/// together, so that every guarantee can still be met. All of it is kept as things change.
///
/// Opening: a round leaves behind who could not have more. What may end that is a limit with more
/// room than at the end of the round before, a guarantee that is less satisfied, or more headroom;
/// see opened_accounts() and headroom_opened().
class QuotaBook {
public:
    struct Account {
        std::string role;
        Account* parent = nullptr;           // Null for a top-level role.
        std::size_t uses = 0;                // Clients and sub-roles.
        std::vector<std::int64_t> consumed;  // Thousandths by kind.

        // The rest is for top-level roles only; the first three of those with a quota.
        Amounts guarantees;
        Amounts limits;
        Amounts seen_room;         // At the end of the last round.
        Amounts seen_unsatisfied;  // Likewise.
        bool touched = false;
        /// A client may have been given less than it would have got without the quota.
        bool withheld = false;
        /// Its limits leave nothing that would make an offer of unreserved resources.
        bool exhausted = false;
        std::set<ClientHandle> clients;  // In the role and below.

        bool has_quota() const { return !guarantees.empty() || !limits.empty(); }
        std::int64_t consumed_of(std::uint32_t kind) const {
            return kind < consumed.size() ? consumed[kind] : 0;
        }
        std::int64_t unsatisfied(std::uint32_t kind) const;
        bool is_hungry() const;
    };

    QuotaBook(Capacity& capacity, std::vector<Quantities> min_allocatable);

    Account& attach(const std::string& role, ClientHandle client);
    void detach(Account& account, ClientHandle client);
    static Account& top_of(Account& account);

    /// Null when nothing is known of the role.
    Account* find(std::string_view role);
    /// Sets, replaces or (when both are empty) removes.
    void set_quota(const std::string& role, const Quantities& guarantees, const Quantities& limits);
    /// `sign` is 1 for resources of that come, -1 for those that go.
    void consume(Account& account, const Amounts& amounts, int sign);
    /// The same for what is reserved in an agent's total.
    void reserve(const Resources& total, int sign);
    Quantities consumed(std::string_view role) const;

    /// Whether somebody has a guarantee, so that add_available() has to be kept up to date.
    bool has_guarantees() const { return guarantees_ > 0; }
    /// Unreserved scalars that are free on agents which get offers made.
    void add_available(const Amounts& amounts, int sign);

    /// What a client of the role (null: of a role without quota) may get at most, by kind; kinds
    /// without entry are not limited. Its own unsatisfied guarantee is not kept from it.
    void caps_for(const Account* top, Amounts& caps) const;
    /// Whether headroom is kept at all.
    bool keeps_headroom() const;
    /// Top-level roles with clients and a guarantee that is not satisfied.
    const std::map<std::string_view, Account*>& hungry() const { return hungry_; }

    /// Top-level roles with a guarantee that is not satisfied, with clients or without.
    std::vector<const Account*> unsatisfied_accounts() const;

    bool touched() const { return removed_ || !touched_.empty(); }
    std::vector<Account*> opened_accounts() const;
    bool headroom_opened() const;
    /// What is now is what later openings are judged against.
    void end_round();

private:
    Account& account_of(std::string_view role);
    void drop_unused(Account* account);
    void count_required(const Account& account, int sign);
    void judge(Account& account);
    void touch(Account& account);
    std::int64_t surplus(std::size_t kind) const;
    static Amounts room_of(const Account& account);
    static Amounts unsatisfied_of(const Account& account);

    Capacity& capacity_;
    std::vector<Amounts> minimums_;  // What makes an offer; empty: anything.
    std::map<std::string, std::unique_ptr<Account>, std::less<>> accounts_;
    std::map<std::string_view, Account*> hungry_;
    std::vector<Account*> touched_;
    bool removed_ = false;                    // A quota, since the last round.
    std::vector<std::int64_t> required_;      // The sum of unsatisfied guarantees, by kind.
    std::vector<std::int64_t> available_;     // By kind; may fall short of what is required.
    std::vector<std::int64_t> seen_surplus_;  // At the end of the last round.
    std::size_t guarantees_ = 0;              // Roles with any.
};

}  // namespace tepui::allocator
