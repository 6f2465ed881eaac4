// Copies of boxes at strides: one thread moves kWidth neighbours of the target. Parts of one launch differ in their
// memory and strides. The host writes in front: Word (one element, or all of a thread's where kWhole), kWidth, kWhole
// (they are neighbours in the source, too), kAxes.

extern "C" __global__ void __launch_bounds__(256) move(const __grid_constant__ MoveArgs args) {
    await_predecessors();
    release_successors();
    const MovePart& part = args.parts[blockIdx.y];
    int rest = static_cast<int>(blockIdx.x) * 256 + static_cast<int>(threadIdx.x);
    if (rest >= part.count) return;
    long long source = 0, target = 0;
#pragma unroll
    for (int axis = kAxes - 1; axis >= 0; --axis) {
        const int above = axis == 0 ? 0 : divide(rest, part.extents[axis]);
        const int place = rest - above * static_cast<int>(part.extents[axis].divisor);
        source += static_cast<long long>(axis == 0 ? rest : place) * part.source[axis];
        target += static_cast<long long>(axis == 0 ? rest : place) * part.target[axis];
        rest = above;
    }
    const Word* input = static_cast<const Word*>(part.input) + source;
    Word* output = static_cast<Word*>(part.output) + target;
    if constexpr (kWhole) {
        *output = *input;
    } else {
        Vector<Word, kWidth> vector;
#pragma unroll
        for (int i = 0; i < kWidth; ++i) vector.v[i] = input[static_cast<long long>(i) * part.inner];
        *reinterpret_cast<Vector<Word, kWidth>*>(output) = vector;
    }
}
