#pragma once

#include "backend/cuda/mma_conv.hpp"

namespace fovea::backend::cuda {

/// Tile of one block of kernels/warpgroup.cuh.
struct WarpgroupTile {
    int groups, blocks, columns;  ///< multiplying warpgroups; times 64 rows of each; output channels
    int depth_bytes = 0;          ///< of channels per step
    int patches = 0, stages = 0;  ///< in flight
    int part_rows = 0;            ///< rows of the product that one patch serves
    int row_pitch = 0;            ///< rows of the product between neighbouring rows of the image
    int slot_pitch = 0;           ///< the same in pixels of the patch
    int split = 1;                ///< blocks that share the depth of a tile
    bool repeats = false;         ///< made for more tiles than run at once: a block keeps its weights for the next one

    /// "256x64:2x2:128b2/6:256:8/10:s1", with "r" behind it where it repeats, which stands in the tactic's name.
    [[nodiscard]] std::string name() const;
    [[nodiscard]] int rows() const { return 64 * groups * blocks; }
    [[nodiscard]] int threads() const { return 128 * (groups + 1); }
};

/// `multiply` of a template: the instruction for this width, whose operands are as many as its sums; the left factor
/// comes from registers or by a descriptor.
std::string multiply_text(DType type, int columns, bool registers = false);

/// The tiles worth trying for a problem, most promising first; none where the GPU or the problem do not suit.
std::vector<WarpgroupTile> warpgroup_tiles(const Target& target, const MmaProblem& problem);
/// The tile of this name; throws `unsupported` when there is none.
WarpgroupTile warpgroup_tile(const std::string& name);

std::unique_ptr<Kernel> make_warpgroup_kernel(const Target& target, const RegionContext& context, const Tactic& tactic,
                                              const MmaProblem& problem, const Epilogue& epilogue,
                                              const std::vector<float>& bias, const WarpgroupTile& tile);

/// Names of the tactics for a product, of either template.
std::vector<std::string> product_tactics(const Target& target, const MmaProblem& problem);
/// The kernel of the template and tile that the tactic names.
std::unique_ptr<Kernel> make_product_kernel(const Target& target, const RegionContext& context, const Tactic& tactic,
                                            const MmaProblem& problem, const Epilogue& epilogue,
                                            const std::vector<float>& bias);

}  // namespace fovea::backend::cuda
