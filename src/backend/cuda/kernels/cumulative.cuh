// Running sums and products along an axis. Where the axis is innermost a warp takes a line, 32 elements at a time;
// otherwise a thread does. The host writes in front: In, Wide (f32, or 64-bit integers to calculate in), kLength,
// kInnermost, kProduct, kExclusive, kReverse.

template <class T>
DEVICE Wide wide(T x) {
    return static_cast<Wide>(x);
}
DEVICE float wide(f16 x) { return to_float(x); }
DEVICE float wide(bf16 x) { return to_float(x); }

template <class T>
DEVICE void store_result(T& target, Wide x) {
    target = static_cast<T>(x);
}
DEVICE void store_result(f16& target, Wide x) { store(target, static_cast<float>(x)); }
DEVICE void store_result(bf16& target, Wide x) { store(target, static_cast<float>(x)); }

DEVICE Wide join(Wide a, Wide b) { return kProduct ? a * b : a + b; }
DEVICE int place_of(int step) { return kReverse ? kLength - 1 - step : step; }

extern "C" __global__ void __launch_bounds__(256) cumulative(const CumulativeArgs args) {
    await_predecessors();
    release_successors();
    constexpr Wide kEmpty = kProduct ? 1 : 0;
    const int thread = blockIdx.x * 256 + threadIdx.x, lane = threadIdx.x % 32;
    const int line = kInnermost ? thread / 32 : thread;
    if (line >= args.lines) return;
    const int inner = static_cast<int>(args.inner.divisor);
    const int outer = divide(line, args.inner);
    const long long first = outer * (static_cast<long long>(kLength) * inner) + (line - outer * inner);
    const In* source = static_cast<const In*>(args.input) + first;
    In* target = static_cast<In*>(args.output) + first;
    Wide total = kEmpty;
    if constexpr (kInnermost) {
        for (int start = 0; start < kLength; start += 32) {
            const int step = start + lane;
            const Wide own = step < kLength ? wide(source[place_of(step)]) : kEmpty;
            Wide upto = own;
#pragma unroll
            for (int distance = 1; distance < 32; distance *= 2) {
                const Wide other = __shfl_up_sync(0xffffffffu, upto, distance);
                if (lane >= distance) upto = join(other, upto);
            }
            const Wide before = __shfl_up_sync(0xffffffffu, upto, 1);
            if (step < kLength)
                store_result(target[place_of(step)],
                             kExclusive ? (lane == 0 ? total : join(total, before)) : join(total, upto));
            total = join(total, __shfl_sync(0xffffffffu, upto, 31));
        }
    } else {
#pragma unroll 8
        for (int step = 0; step < kLength; ++step) {
            const long long place = static_cast<long long>(place_of(step)) * inner;
            const Wide joined = join(total, wide(source[place]));
            store_result(target[place], kExclusive ? total : joined);
            total = joined;
        }
    }
}
