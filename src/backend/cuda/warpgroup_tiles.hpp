#pragma once

#include "backend/cuda/warpgroup_conv.hpp"
#include "base/checked.hpp"

/// How tiles of kernels/warpgroup.cuh lie in the output and in shared memory.
namespace fovea::backend::cuda {

/// Output pixels as parts see them: where rows of images need not be kept apart, all are one row.
struct Geometry {
    std::int64_t batch, height, width;  ///< of the output
    std::int64_t halo_y, halo_x;        ///< what taps read beyond it, in steps of the strides
    std::int64_t planes;                ///< of a patch, by the remainder of a pixel's place by the strides
    bool flat;

    explicit Geometry(const MmaProblem& problem);
};

/// A tile's part in numbers of the geometry.
struct Part {
    std::int64_t rows, columns, slots;  ///< output pixels; pixels of its patch
    std::int64_t across, down;          ///< parts of one image

    Part(const Geometry& geometry, const WarpgroupTile& tile);
};

/// Whether a problem has such tiles on this GPU.
bool suits_warpgroups(const Target& target, const MmaProblem& problem);
std::int64_t warpgroup_steps(const MmaProblem& problem, const WarpgroupTile& tile);
/// Of the rows of the output; as many again for every tile of its columns.
std::int64_t row_tiles(const Geometry& geometry, const WarpgroupTile& tile);
std::size_t shared_bytes(const MmaProblem& problem, const WarpgroupTile& tile);
/// Blocks that a processor holds at once.
std::int64_t resident_blocks(const MmaProblem& problem, const WarpgroupTile& tile);
/// Blocks for the rows of the output: as many as run at once, all with the same number of tiles.
std::int64_t blocks_across(const Target& target, const MmaProblem& problem, const WarpgroupTile& tile);

}  // namespace fovea::backend::cuda
