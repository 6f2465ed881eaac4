// Updates of elements at places that a tensor gives. Updates that may meet at one place are made by one thread in their
// order, so that equal inputs give equal results. The host writes in front: Element, Index, kAxes, kDepth (indices that
// name one place) and combine(a, b): what an element a becomes by an update b.

extern "C" __global__ void __launch_bounds__(256) scatter(const __grid_constant__ ScatterArgs args) {
    await_predecessors();
    release_successors();
    int rest = static_cast<int>(blockIdx.x) * 256 + static_cast<int>(threadIdx.x);
    if (rest >= args.count) return;
    long long index = 0, update = 0, target = 0;
#pragma unroll
    for (int axis = kAxes - 1; axis >= 0; --axis) {
        const int above = axis == 0 ? 0 : divide(rest, args.extents[axis]);
        const int place = axis == 0 ? rest : rest - above * static_cast<int>(args.extents[axis].divisor);
        index += static_cast<long long>(place) * args.index[axis];
        update += static_cast<long long>(place) * args.update[axis];
        target += static_cast<long long>(place) * args.target[axis];
        rest = above;
    }
    for (int i = 0; i < args.loop; ++i, index += args.index_step, update += args.update_step) {
        long long at = target;
#pragma unroll
        for (int k = 0; k < kDepth; ++k)
            at += static_cast<long long>(from_front(static_cast<const Index*>(args.indices)[index + k], args.sizes[k])) *
                  args.strides[k];
        Element* element = static_cast<Element*>(args.output) + at;
        *element = combine(*element, static_cast<const Element*>(args.updates)[update]);
    }
}
