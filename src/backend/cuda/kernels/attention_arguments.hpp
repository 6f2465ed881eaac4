// Parameters of attention.cuh, for host and device alike.

/// Elements from one batch entry, head and place of a sequence to the next.
struct AttentionSteps {
    long long batch, head, row;
};

struct AttentionArgs {
    const void *query, *key, *value, *mask;
    void* output;
    AttentionSteps query_steps, key_steps, value_steps, mask_steps, output_steps;
    int queries, keys;
    int mask_keys;    ///< that the mask covers
    int sharing;      ///< query heads that share one key head
    int left, right;  ///< keys that a query sees before and behind its own place
    float scale, cap;
};
