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

/// Of kernels whose threads each compute some channels of one output pixel.
struct PixelArgs {
    const void* input;
    void* output;
    EpilogueArgs epilogue;
    int height, width;        ///< of the input
    int rows;                 ///< output pixels of all images
    Divisor pixels, columns;  ///< by the output pixels of one image and of one row
    int pitch, output_pitch;
};

struct DirectArgs : PixelArgs {
    const void* weights;  ///< f32, [tap][channel of the group][output]
    int pad_y, pad_x;
    int output_width;  ///< depthwise.cuh, which divides runs of pixels: by those of a row, then by rows of an image
};

struct PoolArgs : PixelArgs {
    int pad_y, pad_x;
    int padded_height, padded_width;  ///< first coordinates beyond the padding behind the image
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

struct ResizeArgs : PixelArgs {
    const void *row_taps, *column_taps;
};
