// An element and its place on a line, and which of two stands first. The host writes in front: In, kLargest, kLast (of
// equal elements the last one counts).

DEVICE float number(float x) { return x; }
DEVICE float number(f16 x) { return to_float(x); }
DEVICE float number(bf16 x) { return to_float(x); }
template <class Whole>
DEVICE Whole number(Whole x) {
    return x;
}
using Number = decltype(number(In()));

struct Place {
    Number value;
    int at;  ///< negative: nowhere
};

DEVICE Place shuffle(const Place& place, int step) {
    return {__shfl_xor_sync(0xffffffffu, place.value, step), __shfl_xor_sync(0xffffffffu, place.at, step)};
}

struct First {
    /// A NaN counts as the largest and as the smallest element; of several, kLast decides as among equals.
    DEVICE bool before(const Place& a, const Place& b) const {
        if (b.at < 0) return true;
        const bool a_nan = a.value != a.value, b_nan = b.value != b.value;
        if (a_nan != b_nan) return a_nan;
        if (a_nan || a.value == b.value) return kLast ? a.at > b.at : a.at < b.at;
        return kLargest ? a.value > b.value : a.value < b.value;
    }
    DEVICE Place operator()(const Place& a, const Place& b) const { return a.at >= 0 && before(a, b) ? a : b; }
    /// As `operator()`, where b.at is larger than a.at.
    DEVICE Place next(const Place& a, const Place& b) const {
        const bool keep = a.at >= 0 && (a.value != a.value ? !(kLast && b.value != b.value)
                                        : kLast ? (kLargest ? a.value > b.value : a.value < b.value)
                                                : (kLargest ? a.value >= b.value : a.value <= b.value));
        return keep ? a : b;
    }
};

template <class Out>
DEVICE void store_place(Out& target, int at) {
    target = static_cast<Out>(at);
}
DEVICE void store_place(f16& target, int at) { store(target, static_cast<float>(at)); }
DEVICE void store_place(bf16& target, int at) { store(target, static_cast<float>(at)); }
