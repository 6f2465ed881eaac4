// Copies whose neighbours in the source lie apart in the target: tiles pass through shared memory, so that both sides
// are read and written along their neighbours. Parts of one launch differ in their memory, sizes and strides. The host
// writes in front: Word, kTile, kLoad and kStore (neighbours read and written at once), kOuter (axes around rows and
// columns), kFolds (whether columns lie in the target as a matrix).

extern "C" __global__ void __launch_bounds__(256) turn(const __grid_constant__ TurnArgs args) {
    await_predecessors();
    release_successors();
    // An odd number of 32-bit words per row keeps the columns in different banks.
    constexpr int kPad = sizeof(Word) < 4 ? 4 / sizeof(Word) : 1;
    __shared__ Word tile[kTile][kTile + kPad];
    const TurnPart& part = args.parts[blockIdx.y];
    if (static_cast<int>(blockIdx.x) >= part.blocks) return;
    const int row_tile = divide(static_cast<int>(blockIdx.x), part.tile_columns);
    const int left = (static_cast<int>(blockIdx.x) - row_tile * static_cast<int>(part.tile_columns.divisor)) * kTile;
    int rest = divide(row_tile, part.tile_rows);
    const int top = (row_tile - rest * static_cast<int>(part.tile_rows.divisor)) * kTile;
    const Word* input = static_cast<const Word*>(part.input) + left;
    Word* output = static_cast<Word*>(part.output) + top;
#pragma unroll
    for (int axis = kOuter - 1; axis >= 0; --axis) {
        const int above = axis == 0 ? 0 : divide(rest, part.extents[axis]);
        const int place = rest - above * static_cast<int>(part.extents[axis].divisor);
        input += static_cast<long long>(axis == 0 ? rest : place) * part.source[axis];
        output += static_cast<long long>(axis == 0 ? rest : place) * part.target[axis];
        rest = above;
    }
#pragma unroll
    for (int i = static_cast<int>(threadIdx.x); i < kTile * kTile / kLoad; i += 256) {
        const int row = i / (kTile / kLoad), column = i % (kTile / kLoad) * kLoad;
        if (top + row < part.rows && left + column < part.columns) {
            const auto vector = *reinterpret_cast<const Vector<Word, kLoad>*>(
                input + static_cast<long long>(top + row) * part.source_row + column);
#pragma unroll
            for (int k = 0; k < kLoad; ++k) tile[row][column + k] = vector.v[k];
        }
    }
    __syncthreads();
#pragma unroll
    for (int i = static_cast<int>(threadIdx.x); i < kTile * kTile / kStore; i += 256) {
        const int column = i / (kTile / kStore), row = i % (kTile / kStore) * kStore;
        if (left + column < part.columns && top + row < part.rows) {
            Vector<Word, kStore> vector;
#pragma unroll
            for (int k = 0; k < kStore; ++k) vector.v[k] = tile[row + k][column];
            int place = left + column;
            long long target = row;
            if constexpr (kFolds) {
                const int above = divide(place, part.fold);
                target += static_cast<long long>(above) * part.target_fold;
                place -= above * static_cast<int>(part.fold.divisor);
            }
            target += static_cast<long long>(place) * part.target_column;
            *reinterpret_cast<Vector<Word, kStore>*>(output + target) = vector;
        }
    }
}
