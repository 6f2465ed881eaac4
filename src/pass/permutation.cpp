#include "pass/permutation.hpp"

#include "ops/evaluate.hpp"

namespace fovea::pass {

Permutation compose(const Permutation& first, const Permutation& second) {
    Permutation result;
    for (const std::int64_t axis : second) result.push_back(first[static_cast<std::size_t>(axis)]);
    return result;
}

Permutation inverse(const Permutation& perm) {
    Permutation result(perm.size());
    for (std::size_t i = 0; i < perm.size(); ++i)
        result[static_cast<std::size_t>(perm[i])] = static_cast<std::int64_t>(i);
    return result;
}

bool is_identity(const Permutation& perm) {
    for (std::size_t i = 0; i < perm.size(); ++i)
        if (perm[i] != static_cast<std::int64_t>(i)) return false;
    return true;
}

Tensor transposed(const Tensor& tensor, const Permutation& perm) {
    const ir::Node node{.op = "Transpose", .inputs = {0}, .outputs = {1}, .attributes = {{"perm", perm}}};
    return ops::evaluate(node, {tensor}).front();
}

}  // namespace fovea::pass
