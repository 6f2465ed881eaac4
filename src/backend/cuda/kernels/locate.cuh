// Tensors whose elements are elements of another one, at places that are calculated: one thread moves one word. The
// host writes in front: Word, Element (a word holds kWidth of them), kAxes and find(place, args): the word of the
// input that the place of the output shows; -1: none, but the fill value.

extern "C" __global__ void __launch_bounds__(256) locate(const __grid_constant__ LocateArgs args) {
    await_predecessors();
    release_successors();
    const int index = static_cast<int>(blockIdx.x) * 256 + static_cast<int>(threadIdx.x);
    if (index >= args.count) return;
    int place[kAxes];
    int rest = index;
#pragma unroll
    for (int axis = kAxes - 1; axis > 0; --axis) {
        const int above = divide(rest, args.extents[axis]);
        place[axis] = rest - above * static_cast<int>(args.extents[axis].divisor);
        rest = above;
    }
    place[0] = rest;
    const int source = find(place, args);
    Word* target = static_cast<Word*>(args.output) + index;
    if (source >= 0) {
        *target = static_cast<const Word*>(args.input)[source];
    } else {
        Vector<Element, kWidth> filled;
#pragma unroll
        for (int i = 0; i < kWidth; ++i) filled.v[i] = static_cast<Element>(args.fill);
        *target = *reinterpret_cast<const Word*>(&filled);
    }
}
