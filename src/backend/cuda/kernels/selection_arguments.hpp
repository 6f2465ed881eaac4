// Parameters of selection.cuh, for host and device alike.

struct SelectionArgs {
    const void* flags;  ///< what is looked at: elements that are not zero are found
    const void* input;  ///< what `take` takes elements from
    void* output;       ///< of `find`: places by axis, `room` each; of `take`: [outer, room, inner]
    int* places;        ///< along the axis, where `take` follows
    int* tile_counts;   ///< what the tiles hold
    long long* count;
    int room;            ///< places that there may be
    int size, tiles;     ///< flags, and tiles of kTile of them
    Divisor extents[8];  ///< of the flags' tensor
    int outputs;         ///< elements that `take` writes
    int length;          ///< of the axis
    Divisor by_room, inner;
};
