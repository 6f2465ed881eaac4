// Where rows and columns of a product stand in its result. Of a transposed convolution, a row stands for kPhasesY x
// kPhasesX neighbouring pixels, of which the result lacks the outermost ones, and columns are [phase y][phase x][channel];
// where kOnlyPhase is not negative, the row's pixel of that phase only.
// The host writes in front: kOutputs, kPhasesY, kPhasesX, kOnlyPhase, kCropTop, kCropBottom, kCropLeft, kCropRight.

constexpr bool kPhased = kPhasesY * kPhasesX > 1;

/// Pixel and channel of the result for row (y, x) and column `channel` of the product of height x width rows an image;
/// false where the result has no such pixel.
DEVICE bool find_phase(int image, int y, int x, int height, int width, int& pixel, int& channel) {
    constexpr int kOwn = kOnlyPhase < 0 ? kOutputs / (kPhasesY * kPhasesX) : kOutputs;
    const int phase = kOnlyPhase < 0 ? channel / kOwn : kOnlyPhase;
    if (kOnlyPhase < 0) channel -= phase * kOwn;
    const int rows = height * kPhasesY - kCropTop - kCropBottom, columns = width * kPhasesX - kCropLeft - kCropRight;
    const int row = y * kPhasesY + phase / kPhasesX - kCropTop, column = x * kPhasesX + phase % kPhasesX - kCropLeft;
    pixel = (image * rows + row) * columns + column;
    return static_cast<u32>(row) < static_cast<u32>(rows) && static_cast<u32>(column) < static_cast<u32>(columns);
}
