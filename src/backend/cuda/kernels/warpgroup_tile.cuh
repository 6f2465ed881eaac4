// Sizes of a tile of warpgroup.cuh, where its rows lie, and what happens behind the product. Needs the constants listed
// there, mma.cuh, and phases.cuh where there are phases.

constexpr int kMultipliers = 128 * kGroups;
constexpr int kThreads = kMultipliers + 128;
constexpr int kLoaders = 96;
constexpr int kRows = 64 * kGroups * kBlocks;
constexpr int kParts = kRows / kPartRows;
constexpr int kTaps = kTapRows * kTapColumns;
constexpr int kDepthTile = kDepthBytes / sizeof(In);
constexpr int kSteps = (kChannels + kDepthTile - 1) / kDepthTile * kTaps;
// A patch's rows and columns of pixels lie in planes by their remainder by the strides, as one tap reads them.
constexpr int kPlanesY = kTapRows > 1 ? kStrideY : 1, kPlanesX = kTapColumns > 1 ? kStrideX : 1;
constexpr int kPlaneRows = kTileRows + (kTapRows - 1) * kDilationY / kStrideY;
constexpr int kPlane = kPlaneRows * kSlotPitch;
constexpr int kSumPitch = kColumns + 8;

/// The pixel of a patch that row `row` of the product reads for the first tap.
constexpr DEVICE int slot_of(int row) { return row / kRowPitch * kSlotPitch + row % kRowPitch; }
/// How many pixels further other taps read.
constexpr DEVICE int shift_of(int tap_y, int tap_x) {
    const int y = tap_y * kDilationY, x = tap_x * kDilationX;
    return (y % kPlanesY * kPlanesX + x % kPlanesX) * kPlane + y / kStrideY * kSlotPitch + x / kStrideX;
}
constexpr DEVICE int furthest_shift() {
    int furthest = 0;
    for (int y = 0; y < kTapRows; ++y)
        for (int x = 0; x < kTapColumns; ++x)
            if (shift_of(y, x) > furthest) furthest = shift_of(y, x);
    return furthest;
}

// Whole repetitions of the swizzle's pattern, so that a pixel's place in it does not depend on the part.
constexpr int kFilled = kPlanesY * kPlanesX * kPlane, kRead = slot_of(kPartRows - 1) + furthest_shift() + 1;
constexpr int kPartSlots = ((kFilled > kRead ? kFilled : kRead) + 7) / 8 * 8;
constexpr int kSlots = kParts * kPartSlots;
constexpr int kPatchBytes = (kSlots * kDepthBytes + 1023) / 1024 * 1024;
constexpr int kStageBytes = kColumns * kDepthBytes;
constexpr bool kKeepWeights = kSplit == 1 && kRepeats && kStages >= kSteps;
// The loading warps round f32, whose last digits wgmma would cut off, once kAhead more patches are on their way.
constexpr bool kRounds = sizeof(In) == 4;
constexpr int kAhead = kPatches > 4 ? kPatches - 3 : kPatches > 2 ? 1 : 0;
constexpr bool kApart = kChannels0 != kChannels && kUp0 != kUp1;  // the sources' pixels differ
constexpr int kPixelsAt = kPatches * (kPatchBytes + 16) + kStages * (kStageBytes + 16);
// Columns of sums that a warp sorts at once in shared memory of its own.
constexpr DEVICE int line_columns() {
    for (int columns = 64; columns > 8; columns -= 8)
        if (kColumns % columns == 0) return columns;
    return 8;
}
constexpr int kLine = line_columns();
constexpr int kStagingAt = kPixelsAt + kSlots * (kApart ? 8 : 4);

/// Image and first output pixel of a part.
struct Place {
    int image, y, x;
    DEVICE Place(const WarpgroupArgs& args, int part) {
        image = part < args.parts ? divide(part, args.parts_image) : -1;
        const int rest = part - image * static_cast<int>(args.parts_image.divisor), row = divide(rest, args.parts_row);
        y = row * kTileRows;
        x = (rest - row * static_cast<int>(args.parts_row.divisor)) * kTileColumns;
    }
};

/// The output pixel of row `row` of a tile, and its channel at column `column`; -1 where there is none.
DEVICE int pixel_of(const WarpgroupArgs& args, int tile, int row, int column, int& channel) {
    const int within = row % kPartRows, y = within / kRowPitch, x = within % kRowPitch;
    const Place place(args, tile * kParts + row / kPartRows);
    channel = blockIdx.y * kColumns + column;
    if (place.image < 0 || y >= kTileRows || x >= kTileColumns || place.y + y >= args.output_height ||
        place.x + x >= args.output_width || channel >= kOutputs)
        return -1;
    int pixel = (place.image * args.output_height + place.y + y) * args.output_width + place.x + x;
    if (kPhased && !find_phase(place.image, place.y + y, place.x + x, args.output_height, args.output_width, pixel, channel))
        return -1;
    return pixel;
}

/// One vector of the result: pixel `pixel` and the channels from `channel` on, whose sums are `x`.
DEVICE void finish(const WarpgroupArgs& args, int pixel, int channel, float (&x)[kWidth], const Added<kWidth>& added) {
    epilogue(x, added, args.epilogue, pixel, channel);
    store_vector(static_cast<Out*>(args.output) + static_cast<long long>(pixel) * args.output_pitch + channel, x);
}

// While a tile is multiplied, tensors to add are on their way, as far as there are registers for them.
constexpr int kLineVectors = (kOutputs < kLine ? kOutputs : kLine) / kWidth;
constexpr int kLaneVectors = (16 * kLineVectors + 31) / 32;
constexpr bool kAddsEarly = kAdds && kSplit == 1 && kLaneVectors <= 4 && kBlocks * kColumns <= 128;

/// One lane's vectors of its warp's 16 rows and kLine columns, where they are looked up ahead.
struct Line {
    int pixels[kLaneVectors], channels[kLaneVectors];
    Added<kWidth> added[kLaneVectors];

    static DEVICE int row(int i) { return (threadIdx.x % 32 + 32 * i) / kLineVectors; }
    static DEVICE int column(int i) { return (threadIdx.x % 32 + 32 * i) % kLineVectors * kWidth; }

    DEVICE void load(const WarpgroupArgs& args, int tile, int first_row, int first_column) {
#pragma unroll
        for (int i = 0; i < kLaneVectors; ++i) {
            pixels[i] = pixel_of(args, tile, first_row + row(i), first_column + column(i), channels[i]);
            if (row(i) >= 16) pixels[i] = -1;
            if (pixels[i] >= 0) load_added(added[i], args.epilogue, pixels[i], channels[i]);
        }
    }

    DEVICE void finish_sums(const WarpgroupArgs& args, const float* sums) {
#pragma unroll
        for (int i = 0; i < kLaneVectors; ++i) {
            if (pixels[i] < 0) continue;
            float x[kWidth];
            load_vector(x, sums + row(i) * (kLine + 8) + column(i));
            finish(args, pixels[i], channels[i], x, added[i]);
        }
    }
};

/// The same where they are not.
DEVICE void finish_line(const WarpgroupArgs& args, const float* sums, int tile, int first_row, int first_column) {
#pragma unroll 2
    for (int v = threadIdx.x % 32; v < 16 * kLineVectors; v += 32) {
        const int row = v / kLineVectors, column = v % kLineVectors * kWidth;
        int channel;
        const int pixel = pixel_of(args, tile, first_row + row, first_column + column, channel);
        if (pixel < 0) continue;
        Added<kWidth> added;
        load_added(added, args.epilogue, pixel, channel);
        float x[kWidth];
        load_vector(x, sums + row * (kLine + 8) + column);
        finish(args, pixel, channel, x, added);
    }
}
