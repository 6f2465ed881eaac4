// What element-wise operators do with single elements. f16 and bf16 are held as f32, every other type as it is.

DEVICE float held(f16 value) { return to_float(value); }
DEVICE float held(bf16 value) { return to_float(value); }
template <class T>
DEVICE T held(T value) {
    return value;
}

template <class T>
DEVICE void put(T& target, T value) {
    target = value;
}
DEVICE void put(f16& target, float value) { store(target, value); }
DEVICE void put(bf16& target, float value) { store(target, value); }

template <class T>
constexpr bool kReal = false;
template <>
constexpr bool kReal<float> = true;
template <>
constexpr bool kReal<double> = true;

/// What integers of a type are added in, so that overflow wraps.
template <class T>
struct Wrapping {
    typedef u32 Type;
};
template <>
struct Wrapping<float> {
    typedef float Type;
};
template <>
struct Wrapping<double> {
    typedef double Type;
};
template <>
struct Wrapping<long long> {
    typedef u64 Type;
};
template <>
struct Wrapping<u64> {
    typedef u64 Type;
};

template <class T>
DEVICE T add(T a, T b) {
    typedef typename Wrapping<T>::Type Wide;
    return static_cast<T>(static_cast<Wide>(a) + static_cast<Wide>(b));
}
template <class T>
DEVICE T subtract(T a, T b) {
    typedef typename Wrapping<T>::Type Wide;
    return static_cast<T>(static_cast<Wide>(a) - static_cast<Wide>(b));
}
template <class T>
DEVICE T multiply(T a, T b) {
    typedef typename Wrapping<T>::Type Wide;
    return static_cast<T>(static_cast<Wide>(a) * static_cast<Wide>(b));
}
template <class T>
DEVICE T negate(T a) {
    if constexpr (kReal<T>) return -a;
    return subtract(T(0), a);
}
/// Integers: truncated; 0 where the divisor is 0.
template <class T>
DEVICE T quotient(T a, T b) {
    if constexpr (!kReal<T>) {
        if (b == T(0)) return T(0);
        if (b == static_cast<T>(-1) && static_cast<T>(-1) < T(0)) return negate(a);
    }
    return static_cast<T>(a / b);
}
/// Sign of the dividend; 0 where an integer divisor is 0.
template <class T>
DEVICE T truncated_remainder(T a, T b) {
    if constexpr (kReal<T>) {
        return fmod(a, b);
    } else {
        if (b == T(0) || (b == static_cast<T>(-1) && static_cast<T>(-1) < T(0))) return T(0);
        return static_cast<T>(a % b);
    }
}
/// Sign of the divisor.
template <class T>
DEVICE T floor_remainder(T a, T b) {
    const T r = truncated_remainder(a, b);
    if constexpr (kReal<T>)
        if (r == T(0)) return copysign(T(0), b);
    return r != T(0) && (r < T(0)) != (b < T(0)) ? static_cast<T>(r + b) : r;
}
/// The larger and the smaller number, or what is none.
template <class T>
DEVICE T maximum(T a, T b) {
    return a != a || a > b ? a : b;
}
template <class T>
DEVICE T minimum(T a, T b) {
    return a != a || a < b ? a : b;
}
template <class T>
DEVICE T absolute(T a) {
    if constexpr (kReal<T>) return fabs(a);
    return a < T(0) ? negate(a) : a;
}
template <class T>
DEVICE T sign(T a) {
    return a > T(0) ? T(1) : a < T(0) ? static_cast<T>(-1) : a;
}
/// Overflow wraps; a negative exponent truncates the fraction.
template <class T>
DEVICE T integer_power(T base, long long exponent) {
    if (exponent < 0) return base == T(1) ? T(1) : base == static_cast<T>(-1) ? (exponent % 2 ? base : T(1)) : T(0);
    T result = T(1);
    for (; exponent; exponent /= 2, base = multiply(base, base))
        if (exponent % 2) result = multiply(result, base);
    return result;
}
template <class T>
DEVICE T shift_left(T a, T places) {
    return places < T(0) || places >= T(8 * sizeof(T)) ? T(0) : static_cast<T>(static_cast<u64>(a) << places);
}
template <class T>
DEVICE T shift_right(T a, T places) {
    return places < T(0) || places >= T(8 * sizeof(T)) ? (a < T(0) ? static_cast<T>(-1) : T(0))
                                                       : static_cast<T>(a >> places);
}
DEVICE bool infinite(float a, bool negative, bool positive) {
    return (negative && a == __int_as_float(0xff800000)) || (positive && a == __int_as_float(0x7f800000));
}

/// Real numbers: towards zero and clamped to the range of wide integers, of which narrow ones keep the low bits.
template <class T>
struct Convert {
    template <class From>
    static DEVICE T from(From value) {
        if constexpr (kReal<From> && !kReal<T>) {
            if (value != value) return T(0);
            if constexpr (sizeof(T) < 4) return static_cast<T>(static_cast<long long>(value));
        }
        return static_cast<T>(value);
    }
};
template <>
struct Convert<bool> {
    template <class From>
    static DEVICE bool from(From value) {
        return value != From(0);
    }
};
