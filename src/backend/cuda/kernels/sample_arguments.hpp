// Parameters of grid_sample.cuh and roi_align.cuh, for host and device alike.

struct GridSampleArgs {
    const void *input, *grid;
    void* output;
    int count;         ///< threads
    Divisor channels;  ///< by the vectors of channels
    Divisor pixels;    ///< by the output's pixels
    int height, width;
    int image, channel, row, column;  ///< strides of the input
    int output_image, output_channel, output_pixel;
};

struct RoiAlignArgs {
    const void *input, *regions, *images;
    void* output;
    int count;
    Divisor channels, columns, rows;  ///< by the vectors of channels, and by the bins of a region
    int batch, height, width;
    float scale;
    int samples;  ///< of a bin along each axis; 0: as many as it has pixels
    int image, channel, row, column;
    int output_region, output_channel, output_row, output_column;
};
