// Parameters of resized_conv.cuh, for host and device alike.

struct ResizedConvArgs {
    const void *parts, *row_taps, *column_taps;
    void* output;
    EpilogueArgs epilogue;
    int height, width;            ///< of the small image
    int full_height, full_width;  ///< of the resized image
    int pad_y, pad_x, rows;
    Divisor pixels, columns;
    int output_pitch;
};
