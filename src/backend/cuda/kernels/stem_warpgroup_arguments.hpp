// Parameters of stem_warpgroup.cuh, for host and device alike.

struct StemWarpgroupArgs {
    const void *input, *weights;
    void* output;
    EpilogueArgs epilogue;
    long long image_stride, channel_stride;  ///< elements of the input
    int row_stride;
    int height, width, pad_y;
    int first_x;  ///< column of the image that the first strip's patches begin at
    int conv_height, conv_width;
    int output_height, output_width, output_pitch;
    int steps;       ///< of all strips
    Divisor strip;   ///< by the steps of one strip
    Divisor strips;  ///< by the strips of one image
};
