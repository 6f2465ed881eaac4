// Places along an axis, for the generated code of locate.cuh.

/// `index` counted from the front of an axis of `size` places; one that lies outside counts as the nearest.
DEVICE int from_front(long long index, int size) {
    if (index < 0) index += size;
    return static_cast<int>(index < 0 ? 0 : index >= size ? size - 1 : index);
}

/// A place outside of [0, size), reflected at the first and the last one.
DEVICE int reflected(int place, int size) {
    if (size == 1) return 0;
    const int period = 2 * (size - 1);
    place = (place % period + period) % period;
    return min(place, period - place);
}
