// Parameters of scatter.cuh, for host and device alike. Strides count elements.

struct ScatterArgs {
    const void *indices, *updates;
    void* output;
    int count, loop;  ///< threads, and updates that one makes
    Divisor extents[8];
    int index[8], update[8], target[8];  ///< strides of the threads' axes
    int index_step, update_step;         ///< between the updates of one thread
    int sizes[8], strides[8];            ///< of the axes that the indices name
};
