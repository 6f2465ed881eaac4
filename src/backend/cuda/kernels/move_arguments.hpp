// Parameters of move.cuh and turn.cuh, for host and device alike. Strides and offsets count elements of either side.

constexpr int kMoveAxes = 8, kMoveParts = 8;

struct MovePart {
    const void* input;
    void* output;
    int source[kMoveAxes], target[kMoveAxes];  ///< the innermost axis last, in steps of one thread's elements
    Divisor extents[kMoveAxes];
    int count;  ///< threads
    int inner;  ///< elements between the source's neighbours along the innermost axis
};

struct MoveArgs {
    MovePart parts[kMoveParts];
};

struct TurnPart {
    const void* input;
    void* output;
    int blocks;
    int rows, columns;  ///< columns are neighbours in the source, rows in the target
    int source_row, target_column;
    Divisor fold;                              ///< by so many columns, behind which the target goes on
    int target_fold;                           ///< so much further
    Divisor tile_rows, tile_columns;           ///< by the tiles along either
    int source[kMoveAxes], target[kMoveAxes];  ///< of the axes around rows and columns, the innermost last
    Divisor extents[kMoveAxes];
};

struct TurnArgs {
    TurnPart parts[kMoveParts];
};
