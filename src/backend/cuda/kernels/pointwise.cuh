// Element-wise chains with broadcasting: one thread computes kWidth neighbours along the innermost axis of the result.
// Every operand has a stride per axis, 0 where it is broadcast. The host writes in front: Held and Out (a result as it
// is computed and in memory), kAxes, kWidth and compute(x, args, offsets): the chain, which reads its operands at
// `offsets`.

extern "C" __global__ void __launch_bounds__(256) pointwise(const PointwiseArgs args) {
    await_predecessors();
    release_successors();
    const long long index = static_cast<long long>(blockIdx.x) * 256 + threadIdx.x;
    if (index >= args.vectors) return;
    int rest = static_cast<int>(index);
    int offsets[kOperands + 1] = {};
#pragma unroll
    for (int axis = kAxes - 1; axis >= 0; --axis) {
        const int above = axis == 0 ? 0 : divide(rest, args.extents[axis]);
        int place = rest - above * static_cast<int>(args.extents[axis].divisor);
        if (axis == 0) place = rest;
        if (axis == kAxes - 1) place *= kWidth;
        rest = above;
#pragma unroll
        for (int operand = 0; operand <= kOperands; ++operand) offsets[operand] += place * args.strides[operand][axis];
    }
    Held x[kWidth];
    compute(x, args, offsets);
    Vector<Out, kWidth> vector;
#pragma unroll
    for (int i = 0; i < kWidth; ++i) put(vector.v[i], x[i]);
    *reinterpret_cast<Vector<Out, kWidth>*>(static_cast<Out*>(args.output) + offsets[kOperands]) = vector;
}
