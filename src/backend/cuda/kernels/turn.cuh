// Copies whose neighbours in the source lie apart in the target: tiles pass through shared memory, so that both sides
// are read and written along their neighbours. The host writes in front: Word, kTile, kLoad and kStore (neighbours read
// and written at once), kOuter (axes around rows and columns).

extern "C" __global__ void __launch_bounds__(256) turn(const __grid_constant__ TurnArgs args) {
    await_predecessors();
    release_successors();
    // An odd number of 32-bit words per row keeps the columns in different banks.
    constexpr int kPad = sizeof(Word) < 4 ? 4 / sizeof(Word) : 1;
    __shared__ Word tile[kTile][kTile + kPad];
    const int row_tile = divide(static_cast<int>(blockIdx.x), args.tile_columns);
    const int left = (static_cast<int>(blockIdx.x) - row_tile * static_cast<int>(args.tile_columns.divisor)) * kTile;
    int rest = divide(row_tile, args.tile_rows);
    const int top = (row_tile - rest * static_cast<int>(args.tile_rows.divisor)) * kTile;
    const Word* input = static_cast<const Word*>(args.input) + left;
    Word* output = static_cast<Word*>(args.output) + top;
#pragma unroll
    for (int axis = kOuter - 1; axis >= 0; --axis) {
        const int above = axis == 0 ? 0 : divide(rest, args.extents[axis]);
        const int place = rest - above * static_cast<int>(args.extents[axis].divisor);
        input += static_cast<long long>(axis == 0 ? rest : place) * args.source[axis];
        output += static_cast<long long>(axis == 0 ? rest : place) * args.target[axis];
        rest = above;
    }
#pragma unroll
    for (int i = static_cast<int>(threadIdx.x); i < kTile * kTile / kLoad; i += 256) {
        const int row = i / (kTile / kLoad), column = i % (kTile / kLoad) * kLoad;
        if (top + row < args.rows && left + column < args.columns) {
            const auto vector = *reinterpret_cast<const Vector<Word, kLoad>*>(
                input + static_cast<long long>(top + row) * args.source_row + column);
#pragma unroll
            for (int k = 0; k < kLoad; ++k) tile[row][column + k] = vector.v[k];
        }
    }
    __syncthreads();
#pragma unroll
    for (int i = static_cast<int>(threadIdx.x); i < kTile * kTile / kStore; i += 256) {
        const int column = i / (kTile / kStore), row = i % (kTile / kStore) * kStore;
        if (left + column < args.columns && top + row < args.rows) {
            Vector<Word, kStore> vector;
#pragma unroll
            for (int k = 0; k < kStore; ++k) vector.v[k] = tile[row + k][column];
            *reinterpret_cast<Vector<Word, kStore>*>(
                output + static_cast<long long>(left + column) * args.target_column + row) = vector;
        }
    }
}
