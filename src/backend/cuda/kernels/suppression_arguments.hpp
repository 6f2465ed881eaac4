// Parameters of suppression.cuh, for host and device alike.

struct SuppressionArgs {
    const void *boxes, *scores;  ///< [batch, boxes, 4] and [batch, classes, boxes]
    const long long* limit_at;   ///< where these are computed at run time, else nullptr
    const float *overlap_at, *threshold_at;
    const long long* boxes_found;  ///< how many of the boxes there are, where a run finds them; else nullptr
    long long limit;               ///< most boxes of a class
    double overlap;
    float threshold;
    int has_threshold;
    int lines, classes, boxes_given;
    int sorted;                   ///< numbers that a block sorts at once, a power of two
    int most, pitch, mask_words;  ///< of a line: boxes that it may keep; a power of two; words of a candidate's mask
    unsigned long long* keys;     ///< by line, `pitch` each: candidates, the best first
    int* candidates;              ///< how many, by line
    unsigned* masks;              ///< by line, word and candidate: bits of 32 earlier ones, which of them overlap it
    int *kept, *kept_count;       ///< by line, `most` each: candidates' boxes; and how many
    float* kept_boxes;            ///< the same boxes' coordinates, as `Box` holds them
    long long* output;            ///< [most, 3]
    long long* count;
    long long rows;  ///< of the output
};
