#include "pass/axis_chain.hpp"

#include <algorithm>

namespace fovea::pass {

AxisChain::AxisChain(const ir::Dims& dims) : axes_(dims.size()) {
    for (std::size_t axis = 0; axis < dims.size(); ++axis) {
        if (dims[axis].value == 1) continue;
        axes_[axis] = {sizes_.size()};
        original_.push_back(sizes_.size());
        sizes_.push_back(dims[axis]);
        source_axis_.push_back(axis);
    }
}

void AxisChain::split(Factor factor, std::int64_t left, std::int64_t right, std::vector<Factor>& rest) {
    const Factor second = sizes_.size();
    sizes_[factor] = left;
    sizes_.emplace_back(right);
    source_axis_.push_back(source_axis_[factor]);
    const auto insert = [&](std::vector<Factor>& list) {
        const auto it = std::find(list.begin(), list.end(), factor);
        if (it != list.end()) list.insert(it + 1, second);
    };
    insert(original_);
    insert(rest);
}

bool AxisChain::take(const ir::Dim& size, Side side, std::vector<Factor>& rest, std::vector<Factor>& axis,
                     bool& possible) {
    std::int64_t need = size.known() ? size.value : 0;
    if (need == 1) return true;
    const std::vector<Factor> before = rest;
    while (!rest.empty()) {
        const Factor end = side == Side::right ? rest.back() : rest.front();
        const ir::Dim& have = sizes_[end];
        bool done = false;
        if (!size.known()) {
            if (!have.same(size)) break;
            done = true;
        } else if (!have.known()) {
            break;
        } else if (need % have.value == 0) {
            need /= have.value;
            done = need == 1;
        } else if (have.value % need == 0) {
            const std::int64_t other = have.value / need;
            side == Side::right ? split(end, other, need, rest) : split(end, need, other, rest);
            need = 1;
            done = true;
        } else {
            possible = false;
            return false;
        }
        const auto it = side == Side::right ? rest.end() - 1 : rest.begin();
        axis.insert(side == Side::right ? axis.begin() : axis.end(), *it);
        rest.erase(it);
        if (done) return true;
    }
    if (rest.empty() && size.known()) possible = false;
    rest = before;
    axis.clear();
    return false;
}

bool AxisChain::reshape(const ir::Dims& dims) {
    std::vector<Factor> rest;
    for (const auto& axis : axes_) rest.insert(rest.end(), axis.begin(), axis.end());
    std::vector<std::vector<Factor>> axes(dims.size());
    bool possible = true;
    std::size_t begin = 0, end = dims.size();
    while (end > 0 && take(dims[end - 1], Side::right, rest, axes[end - 1], possible)) --end;
    while (possible && begin < end && take(dims[begin], Side::left, rest, axes[begin], possible)) ++begin;
    if (!possible || end - begin > 1 || (end == begin) != rest.empty()) return false;
    if (end - begin == 1) axes[begin] = rest;
    axes_ = std::move(axes);
    return true;
}

void AxisChain::transpose(const Permutation& perm) {
    std::vector<std::vector<Factor>> axes;
    for (const std::int64_t axis : perm) axes.push_back(axes_[static_cast<std::size_t>(axis)]);
    axes_ = std::move(axes);
}

AxisChain::Form AxisChain::form() const {
    std::vector<Factor> now;
    for (const auto& axis : axes_) now.insert(now.end(), axis.begin(), axis.end());
    const auto place = [&](Factor factor) { return std::find(now.begin(), now.end(), factor) - now.begin(); };
    Form form;
    std::vector<std::ptrdiff_t> places;
    for (std::size_t i = 0; i < original_.size(); ++i) {
        const Factor factor = original_[i];
        // Factors of one axis that were split and stayed neighbours are one again.
        if (i > 0 && source_axis_[factor] == source_axis_[original_[i - 1]] &&
            place(factor) == place(original_[i - 1]) + 1 && sizes_[factor].known() && form.split.back().known()) {
            form.split.back().value *= sizes_[factor].value;
            continue;
        }
        form.split.push_back(sizes_[factor]);
        places.push_back(place(factor));
    }
    for (std::size_t i = 0; i < places.size(); ++i) form.perm.push_back(static_cast<std::int64_t>(i));
    std::sort(form.perm.begin(), form.perm.end(), [&](std::int64_t a, std::int64_t b) {
        return places[static_cast<std::size_t>(a)] < places[static_cast<std::size_t>(b)];
    });
    return form;
}

ir::Dims AxisChain::factors(std::size_t axis) const {
    ir::Dims dims;
    for (const Factor factor : axes_[axis]) dims.push_back(sizes_[factor]);
    return dims;
}

}  // namespace fovea::pass
