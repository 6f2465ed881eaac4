// Reductions over any axes. kColumns groups of threads take results, kParts threads share one. Where the innermost axes
// in memory are kept (kAcross), a thread computes kWidth neighbouring results; where they are reduced, it loads kWidth
// neighbours at once. The host writes in front:
//   In, Out, Wide                    types in memory; f32, or 64-bit integers to calculate in
//   Operation                        what is computed; see below
//   kCount                           loads that one result is made of
//   kElements                        elements that one result is made of
//   kKept, kReduced                  groups of axes
//   kAcross, kWidth, kColumns, kParts
//   finish(x, args, at)              behind the result: an epilogue where it is floating-point

template <class T>
DEVICE Wide wide(T x) {
    return static_cast<Wide>(x);
}
DEVICE float wide(f16 x) { return to_float(x); }
DEVICE float wide(bf16 x) { return to_float(x); }

constexpr bool kFloat = sizeof(Wide) == 4;
template <bool kIsFloat>
struct RealOf {
    using type = float;
};
template <>
struct RealOf<false> {
    using type = double;
};
using Real = RealOf<kFloat>::type;

DEVICE Real minus_infinity() { return -static_cast<Real>(__int_as_float(0x7f800000)); }

/// A real result as a whole number where the elements are: truncated, 0 for NaN.
DEVICE Wide from_real(Real x) { return kFloat ? static_cast<Wide>(x) : x != x ? Wide(0) : static_cast<Wide>(x); }

struct SumOf {
    Wide sum = 0;
    DEVICE void add(Wide x) { sum += x; }
    DEVICE void join(const SumOf& other) { sum += other.sum; }
    DEVICE Wide result() const { return sum; }
};
struct MeanOf : SumOf {
    DEVICE Wide result() const { return sum / static_cast<Wide>(kElements); }
};
struct SquaresOf : SumOf {
    DEVICE void add(Wide x) { sum += x * x; }
};
struct MagnitudesOf : SumOf {
    DEVICE void add(Wide x) { sum += x < 0 ? -x : x; }
};
struct LogarithmOf : SumOf {
    DEVICE Wide result() const { return from_real(log(static_cast<Real>(sum))); }
};
struct ProductOf {
    Wide product = 1;
    DEVICE void add(Wide x) { product *= x; }
    DEVICE void join(const ProductOf& other) { product *= other.product; }
    DEVICE Wide result() const { return product; }
};
struct RootOf {
    Real squares = 0;
    DEVICE void add(Wide x) { squares += static_cast<Real>(x) * static_cast<Real>(x); }
    DEVICE void join(const RootOf& other) { squares += other.squares; }
    DEVICE Wide result() const { return from_real(sqrt(squares)); }
};
/// log Σ exp(x), with the largest element taken out so that nothing overflows.
struct LogSumExpOf {
    Real largest = minus_infinity(), sum = 0;
    DEVICE void add(Wide element) {
        const Real x = static_cast<Real>(element);
        if (x > largest) {
            sum = sum * exp(largest - x) + 1;
            largest = x;
        } else if (x != minus_infinity()) {
            sum += exp(x - largest);
        }
    }
    DEVICE void join(const LogSumExpOf& other) {
        const Real most = other.largest > largest ? other.largest : largest;
        if (most == minus_infinity()) {
            sum += other.sum;
        } else {
            sum = sum * exp(largest - most) + other.sum * exp(other.largest - most);
            largest = most;
        }
    }
    DEVICE Wide result() const {
        return from_real(largest == minus_infinity() || largest == -minus_infinity() ? largest : largest + log(sum));
    }
};
/// NaN where there is one.
struct MaximumOf {
    Wide best;
    bool any = false;
    DEVICE void add(Wide x) {
        if (!any || x != x || x > best) best = x;
        any = true;
    }
    DEVICE void join(const MaximumOf& other) {
        if (other.any) add(other.best);
    }
    DEVICE Wide result() const { return best; }
};
struct MinimumOf : MaximumOf {
    DEVICE void add(Wide x) {
        if (!any || x != x || x < best) best = x;
        any = true;
    }
    DEVICE void join(const MinimumOf& other) {
        if (other.any) add(other.best);
    }
};

template <int kGroups>
DEVICE long long offset_of(int index, const Divisor* extents, const int* strides) {
    long long offset = 0;
#pragma unroll
    for (int group = kGroups - 1; group > 0; --group) {
        const int above = divide(index, extents[group]);
        offset += static_cast<long long>(index - above * static_cast<int>(extents[group].divisor)) * strides[group];
        index = above;
    }
    return offset + static_cast<long long>(index) * strides[0];
}

DEVICE void store_result(float& target, Wide x) { target = static_cast<float>(x); }
DEVICE void store_result(f16& target, Wide x) { store(target, static_cast<float>(x)); }
DEVICE void store_result(bf16& target, Wide x) { store(target, static_cast<float>(x)); }
template <class T>
DEVICE void store_result(T& target, Wide x) {
    target = static_cast<T>(x);
}

extern "C" __global__ void __launch_bounds__(kColumns * kParts) reduce(const ReduceArgs args) {
    await_predecessors();
    release_successors();
    constexpr int kResults = kAcross ? kWidth : 1;
    const int part = kAcross ? threadIdx.x / kColumns : threadIdx.x % kParts;
    const int column = kAcross ? threadIdx.x % kColumns : threadIdx.x / kParts;
    const int at = blockIdx.x * kColumns + column;
    Operation sums[kResults];
    if (at < args.outputs) {
        const In* source = static_cast<const In*>(args.input) + offset_of<kKept>(at, args.kept, args.kept_strides);
#pragma unroll 4
        for (int k = part; k < kCount; k += kParts) {
            const auto values = *reinterpret_cast<const Vector<In, kWidth>*>(
                source + offset_of<kReduced>(k, args.reduced, args.reduced_strides));
#pragma unroll
            for (int i = 0; i < kWidth; ++i) sums[kAcross ? i : 0].add(wide(values.v[i]));
        }
    }
    if constexpr (kParts > 1) {
        // Shared memory takes no types with constructors.
        __shared__ __align__(16) char memory[kParts * kColumns * kResults * sizeof(Operation)];
        auto* parts = reinterpret_cast<Operation(*)[kColumns][kResults]>(memory);
#pragma unroll
        for (int i = 0; i < kResults; ++i) parts[part][column][i] = sums[i];
        for (int step = kParts / 2; step > 0; step /= 2) {
            __syncthreads();
            if (part < step)
#pragma unroll
                for (int i = 0; i < kResults; ++i) parts[part][column][i].join(parts[part + step][column][i]);
        }
        if (part == 0)
#pragma unroll
            for (int i = 0; i < kResults; ++i) sums[i] = parts[0][column][i];
    }
    if (part != 0 || at >= args.outputs) return;
    Wide results[kResults];
#pragma unroll
    for (int i = 0; i < kResults; ++i) results[i] = sums[i].result();
    finish(results, args.epilogue, at * kResults);
#pragma unroll
    for (int i = 0; i < kResults; ++i)
        store_result(static_cast<Out*>(args.output)[static_cast<long long>(at) * kResults + i], results[i]);
}
