#include "runtime/branches.hpp"

#include <algorithm>

namespace fovea::runtime {
namespace {

bool meet(const std::vector<Span>& a, const std::vector<Span>& b) {
    return std::any_of(a.begin(), a.end(), [&](const Span& one) {
        return std::any_of(b.begin(), b.end(), [&](const Span& other) { return one.meets(other); });
    });
}

bool depends(const Accesses& later, const Accesses& earlier) {
    return meet(later.reads, earlier.writes) || meet(later.writes, earlier.reads) || meet(later.writes, earlier.writes);
}

class Planner {
  public:
    Planner(const std::vector<Accesses>& launches, std::size_t queues) : launches_(launches), last_(queues, kNone) {}

    std::vector<Branch> run() {
        for (std::size_t i = 0; i < launches_.size(); ++i) place(i);
        return std::move(branches_);
    }

  private:
    static constexpr std::size_t kNone = static_cast<std::size_t>(-1);

    void place(std::size_t i) {
        // From the latest on: what those before it have waited for, they need not be asked for again.
        std::vector<bool> before(i, false);
        std::vector<std::size_t> direct;
        for (std::size_t j = i; j-- > 0;)
            if (!before[j] && depends(launches_[i], launches_[j])) {
                direct.push_back(j);
                add(before, j);
            }
        Branch branch{queue_for(direct, before), {}};
        const std::size_t last = last_[branch.queue];
        std::vector<bool> ended(i, false);
        if (last != kNone) add(ended, last);
        for (const std::size_t j : direct)
            if (!ended[j]) {
                branch.awaits.push_back(j);
                add(ended, j);
            }
        last_[branch.queue] = i;
        branches_.push_back(std::move(branch));
        ended_.push_back(std::move(ended));
    }

    /// Adds launch `j` and what has ended before it.
    void add(std::vector<bool>& set, std::size_t j) const {
        set[j] = true;
        for (std::size_t k = 0; k < j; ++k)
            if (ended_[j][k]) set[k] = true;
    }

    [[nodiscard]] std::size_t queue_for(const std::vector<std::size_t>& direct, const std::vector<bool>& before) const {
        for (const std::size_t j : direct)
            if (last_[branches_[j].queue] == j) return branches_[j].queue;
        const auto free =
            std::find_if(last_.begin(), last_.end(), [&](std::size_t last) { return last == kNone || before[last]; });
        return static_cast<std::size_t>((free == last_.end() ? std::min_element(last_.begin(), last_.end()) : free) -
                                        last_.begin());
    }

    const std::vector<Accesses>& launches_;
    std::vector<std::size_t> last_;  ///< of each queue
    std::vector<Branch> branches_;
    std::vector<std::vector<bool>> ended_;  ///< by launch: those that have ended before it starts
};

}  // namespace

bool Span::meets(const Span& other) const {
    if (end <= other.begin || other.end <= begin) return false;
    if (pitch == 0 || pitch != other.pitch) return true;
    const std::size_t distance =
        begin <= other.begin ? (other.begin - begin) % pitch : (pitch - (begin - other.begin) % pitch) % pitch;
    return distance < width || distance + other.width > pitch;
}

std::vector<Branch> plan_branches(const std::vector<Accesses>& launches, std::size_t queues) {
    return Planner(launches, queues).run();
}

}  // namespace fovea::runtime
