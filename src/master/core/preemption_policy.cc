#include "master/core/preemption_policy.h"

#include <algorithm>
#include <tuple>
#include <utility>

#include "resources/quantities.h"

namespace tepui::master {

namespace {

enum class Kind : std::uint8_t { offer, task, data };

using Rank = std::pair<Kind, std::int32_t>;

Rank rank_of(const Candidate& candidate) {
    const Kind kind = candidate.tasks == 0   ? Kind::offer
                      : candidate.keeps_data ? Kind::data
                                             : Kind::task;
    return {kind, candidate.band};
}

/// Amounts of the resources that are lacked, in the order of their names.
using Row = std::vector<std::int64_t>;

Row row_of(const Quantities& lack, const Quantities& amounts) {
    Row row;
    for (const auto& [name, wanted] : lack) {
        const auto it = amounts.find(name);
        row.push_back(it == amounts.end() ? 0 : it->second.milli);
    }
    return row;
}

bool is_met(const Row& lack) {
    return std::ranges::all_of(lack, [](std::int64_t milli) { return milli <= 0; });
}

class Choice {
public:
    Choice(const Quantities& lack, const std::vector<Candidate>& candidates)
        : candidates_(candidates), whole_(row_of(lack, lack)), lack_(whole_) {
        rows_.reserve(candidates.size());
        for (const Candidate& candidate : candidates)
            rows_.push_back(row_of(lack, candidate.frees));
    }

    Victims run() {
        std::map<Rank, Victims> ranks;
        for (std::size_t i = 0; i < candidates_.size(); ++i) {
            ranks[rank_of(candidates_[i])].push_back(i);
        }
        for (auto& [rank, places] : ranks) choose_among(places);
        spare();
        return std::move(chosen_);
    }

    bool met() const { return is_met(lack_); }

private:
    /// How much of what is still lacking it covers, for each task that it costs.
    double worth(std::size_t place) const {
        double sum = 0;
        for (std::size_t i = 0; i < lack_.size(); ++i) {
            if (lack_[i] <= 0) continue;
            const auto part = std::min(lack_[i], rows_[place][i]);
            sum += static_cast<double>(part) / static_cast<double>(whole_[i]);
        }
        return sum / static_cast<double>(std::max<std::size_t>(1, candidates_[place].tasks));
    }

    bool is_better(std::size_t a, double a_worth, std::size_t b, double b_worth) const {
        if (a_worth != b_worth) return a_worth > b_worth;
        const Candidate& left = candidates_[a];
        const Candidate& right = candidates_[b];
        if (left.started != right.started) return left.started > right.started;
        return std::tie(left.share, a) < std::tie(right.share, b);
    }

    void choose_among(Victims& places) {
        while (!places.empty() && !is_met(lack_) && chosen_.size() < victims_max) {
            std::size_t best = 0;
            double best_worth = worth(places[0]);
            for (std::size_t i = 1; i < places.size(); ++i) {
                const double its_worth = worth(places[i]);
                if (!is_better(places[i], its_worth, places[best], best_worth)) continue;
                best = i;
                best_worth = its_worth;
            }
            if (best_worth <= 0) return;
            add(places[best], -1);
            chosen_.push_back(places[best]);
            places.erase(places.begin() + static_cast<std::ptrdiff_t>(best));
        }
    }

    void add(std::size_t place, int sign) {
        for (std::size_t i = 0; i < lack_.size(); ++i) lack_[i] += sign * rows_[place][i];
    }

    /// What was chosen early may be of no use beside what came later. The dearest go first.
    void spare() {
        std::vector<std::pair<Rank, std::size_t>> dearest;
        for (std::size_t i = 0; i < chosen_.size(); ++i) {
            dearest.emplace_back(rank_of(candidates_[chosen_[i]]), i);
        }
        std::ranges::sort(dearest, std::greater{});
        const Victims chosen = chosen_;
        for (const auto& [rank, nth] : dearest) {
            const std::size_t place = chosen[nth];
            const Row before = lack_;
            add(place, 1);
            bool needed = false;
            for (std::size_t i = 0; i < lack_.size(); ++i) {
                needed |=
                    std::max<std::int64_t>(lack_[i], 0) > std::max<std::int64_t>(before[i], 0);
            }
            if (needed) {
                lack_ = before;
            } else {
                std::erase(chosen_, place);
            }
        }
    }

    const std::vector<Candidate>& candidates_;
    const Row whole_;
    Row lack_;
    std::vector<Row> rows_;
    Victims chosen_;
};

/// What a choice costs, the most important first: smaller is better.
using Cost = std::tuple<Rank, std::size_t, std::int64_t, double>;

Cost cost_of(const Victims& victims, const std::vector<Candidate>& candidates) {
    Cost cost{{Kind::offer, INT32_MIN}, 0, INT64_MIN, 0};
    for (const std::size_t place : victims) {
        const Candidate& candidate = candidates[place];
        std::get<0>(cost) = std::max(std::get<0>(cost), rank_of(candidate));
        std::get<1>(cost) += candidate.tasks;
        std::get<2>(cost) = std::max(std::get<2>(cost), -candidate.started);
        std::get<3>(cost) += candidate.share;
    }
    return cost;
}

}  // namespace

Victims choose_victims(const Quantities& lack, const std::vector<Candidate>& candidates) {
    return Choice(lack, candidates).run();
}

std::optional<Victims> choose_on_one_agent(const std::vector<Quantities>& sets,
                                           const std::map<std::size_t, Quantities>& free,
                                           const std::vector<Candidate>& candidates) {
    std::map<std::size_t, Victims> by_agent;
    for (std::size_t i = 0; i < candidates.size(); ++i) by_agent[candidates[i].agent].push_back(i);
    std::optional<std::pair<Cost, Victims>> best;
    for (const auto& [agent, has] : free) {
        const Victims& places = by_agent[agent];
        std::vector<Candidate> here;
        for (const std::size_t place : places) here.push_back(candidates[place]);
        for (const Quantities& set : sets) {
            const Quantities lack = lacking(set, has);
            if (lack.empty()) return Victims{};
            Choice choice(lack, here);
            Victims chosen = choice.run();
            if (!choice.met()) continue;
            for (std::size_t& place : chosen) place = places[place];
            const Cost cost = cost_of(chosen, candidates);
            if (!best || cost < best->first) best = {cost, std::move(chosen)};
        }
    }
    if (!best) return std::nullopt;
    return std::move(best->second);
}

}  // namespace tepui::master
