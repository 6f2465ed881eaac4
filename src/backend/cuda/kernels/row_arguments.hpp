// Parameters of the kernels that work on rows, for host and device alike.

struct LayerNormArgs {
    const void *input, *addend;  ///< addend: added to the input first
    const void *scale, *shift;
    const void* constant;                 ///< added to the result for the second output, its rows repeated
    const void *next_scale, *next_shift;  ///< of the normalisation of the result that is the second output
    void *output, *sum, *second;
    void *mean, *inverse;  ///< of every row: f32
    EpilogueArgs epilogue;
    int rows, pitch, addend_pitch, output_pitch, sum_pitch, second_pitch;
    Divisor constant_rows;
};

struct SoftmaxArgs {
    const void* input;
    void* output;
    int rows, pitch, output_pitch;  ///< of rows; or the number of columns
    Divisor inner;                  ///< by the loads of one step along the axis
};

struct ArgReduceArgs {
    const void* input;
    void* output;
    int rows, pitch;  ///< of rows; or the number of columns
    Divisor inner;    ///< by the loads of one step along the axis
};

struct ReduceArgs {
    const void* input;
    void* output;
    EpilogueArgs epilogue;
    int outputs;  ///< loads of the result, or elements of it where neighbours are reduced
    /// Groups of axes that lie one behind the other, from the outermost on.
    Divisor kept[4], reduced[4];
    int kept_strides[4], reduced_strides[4];
};

struct TopKArgs {
    const void* input;
    void *values, *places;
    Divisor inner;  ///< by the elements from one step along the axis to the next
};

struct CumulativeArgs {
    const void* input;
    void* output;
    int lines;
    Divisor inner;  ///< by the elements from one step along the axis to the next
};

struct GroupNormArgs {
    const void *input, *scale, *shift;
    void *output, *partial;  ///< partial: count, mean and squared distances of every chunk
    EpilogueArgs epilogue;
    Divisor groups;      ///< of one image
    Divisor inner;       ///< by the loads that lie one behind the other
    Divisor of_channel;  ///< by the elements of one channel that do
    int stride;          ///< elements between the starts of those runs
    long long image;     ///< elements of an image
    int group;           ///< elements between the starts of groups
};

struct LrnArgs {
    const void* input;
    void* output;
    EpilogueArgs epilogue;
    int vectors;
    Divisor inner;     ///< by the loads of one step along the channels, or of all channels where they are innermost
    Divisor channels;  ///< by the channels
};
