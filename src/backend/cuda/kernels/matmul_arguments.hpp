// Parameters of matmul.cuh, for host and device alike.

struct MatmulArgs {
    const void *left, *right, *addend;
    void* output;
    EpilogueArgs epilogue;
    int rows, columns, depth;                 ///< of one product
    int left_step, right_step;                ///< elements between the lines of an operand in memory
    long long left_batch[4], right_batch[4];  ///< from one product to the next, by axis; 0 where shared
    Divisor axes[4];                          ///< extents of the batch axes
    Divisor row_tiles;                        ///< by the tiles of one product's rows
    int addend_row, addend_column;            ///< elements from one to the next; 0 where shared
    int output_pitch;
};
