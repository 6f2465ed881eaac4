// What softmax, its logarithm and division by the norm do to a line of elements. The host writes in front: kKind
// (0 softmax, 1 its logarithm, 2 division by the sum of magnitudes, 3 by the root of the sum of squares).

DEVICE float empty() { return kKind <= 1 ? -__int_as_float(0x7f800000) : 0.0f; }

/// What an element adds to the row's sum.
DEVICE float summand(float x, float maximum) {
    return kKind <= 1 ? __expf(x - maximum) : kKind == 2 ? fabsf(x) : x * x;
}

/// The factor or logarithm that `result` wants, of a row's sum.
DEVICE float of_sum(float sum) {
    if (kKind == 0) return 1.0f / sum;
    if (kKind == 1) return logf(sum);
    const float norm = kKind == 2 ? sum : sqrtf(sum);
    return norm == 0.0f ? 0.0f : 1.0f / norm;
}

DEVICE float result(float x, float maximum, float of) {
    if (kKind == 0) return __expf(x - maximum) * of;
    if (kKind == 1) return x - maximum - of;
    return x * of;
}
