// Parameters of locate.cuh, for host and device alike.

struct LocateArgs {
    const void *input, *table;
    void* output;
    unsigned long long fill;  ///< the bits of an element that shows nothing of the input
    int count;                ///< threads
    Divisor extents[8];
    int numbers[32];  ///< that the generated code names
};
