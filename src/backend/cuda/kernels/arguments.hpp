// Parameters of the kernels, for host and device alike: this text also stands in front of every kernel template.

/// Tensors that an epilogue reads, in the order in which its steps name them.
struct EpilogueArgs {
    const void* operands[10];
    int pitches[10];  ///< elements between the rows of tensors
};

struct ConvArgs {
    const void *input0, *input1, *weights;
    void* output;
    EpilogueArgs epilogue;
    int height, width;  ///< of the input as the taps see it: enlarged, not padded
    int pad_y, pad_x;   ///< padding before the first row and column
    int rows;           ///< output pixels of all images
    Divisor pixels;     ///< by the output pixels of one image
    Divisor columns;    ///< by the output pixels of one row
    int pitch0, pitch1, output_pitch;
};

struct WarpgroupArgs {
    const void *input0, *input1, *weights;
    void* output;
    EpilogueArgs epilogue;
    int height, width;  ///< of the input as the taps see it: enlarged, not padded
    int pad_y, pad_x;
    int output_height, output_width;
    int parts, tiles;     ///< of all images; of all parts
    Divisor parts_image;  ///< by the parts of one image
    Divisor parts_row;    ///< by the parts side by side
    int pitch0, pitch1, output_pitch;
};

struct StemArgs {
    const void *input, *weights;
    void* output;
    EpilogueArgs epilogue;
    long long image_stride, channel_stride;  ///< elements of the input
    int row_stride, column_stride;
    int height, width, pad_y, pad_x;
    int output_height, output_width, output_pitch;
    Divisor tiles;  ///< by the tiles of one row
};

struct DirectArgs {
    const void *input, *weights;  ///< weights: f32, [tap][channel of the group][output]
    void* output;
    EpilogueArgs epilogue;
    int height, width, pad_y, pad_x, rows;
    Divisor pixels, columns;
    int pitch, output_pitch;
    int output_width;  ///< depthwise.cuh, which divides runs of pixels: by those of a row, then by rows of an image
};

struct PoolArgs {
    const void* input;
    void* output;
    EpilogueArgs epilogue;
    int height, width, pad_y, pad_x;
    int padded_height, padded_width;  ///< first coordinates beyond the padding behind the image
    int rows;
    Divisor pixels, columns;
    int pitch, output_pitch;
};

struct GlobalPoolArgs {
    const void* input;
    void* output;
    EpilogueArgs epilogue;
    int pixels, pitch, output_pitch;
};

struct PointwiseArgs {
    const void* operands[8];
    void* output;
    int strides[9][6];  ///< by operand, the result last; axes in the order of the result's memory
    Divisor extents[6];
    long long vectors;
};

struct ResizeTap {
    int place;
    float weight;
};

struct ResizeArgs {
    const void *input, *row_taps, *column_taps;
    void* output;
    EpilogueArgs epilogue;
    int height, width, rows;
    Divisor pixels, columns;
    int pitch, output_pitch;
};
