// Parameters of the kernels that work on rows, for host and device alike.

struct LayerNormArgs {
    const void *input, *addend;  ///< addend: added to the input first
    const void *scale, *shift;
    const void* constant;  ///< added to the result for the second output, its rows repeated
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
