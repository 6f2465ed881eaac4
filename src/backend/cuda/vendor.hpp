#pragma once

#include <optional>

#include "backend/conv_region.hpp"
#include "backend/cuda/families.hpp"
#include "backend/cuda/mma_conv.hpp"

/// Kernels of NVIDIA's libraries, which are opened at run time: where one is missing, its tactics do not exist.
namespace fovea::backend::cuda {

/// What the libraries compute behind a product: bias, then the addition of a tensor, then an activation.
struct VendorEpilogue {
    std::vector<float> bias;         ///< may be empty
    ir::ValueId addend = ir::kNone;  ///< of the result's shape and type
    EpilogueStep activation = {};    ///< of kind activation; `Activation::none`: none
};

/// `epilogue` behind a bias as libraries compute it; nothing where it is anything else, or changes the type.
std::optional<VendorEpilogue> vendor_epilogue(const RegionContext& context, const Epilogue& epilogue,
                                              std::vector<float> bias);

/// Which kernel of which library, for which shape, and the own tactic that stands in at all others:
/// "cudnn:9.14.0:12:k3=1@16x56x56/mma:64x64:…".
struct VendorName {
    std::string library, version, algorithm, shape, own;
    [[nodiscard]] std::string text() const {
        return library + ":" + version + ":" + algorithm + "@" + shape + "/" + own;
    }
};
/// The parts of a tactic's name; nothing for the name of an own kernel.
std::optional<VendorName> vendor_name(const std::string& tactic);
/// Throws `unsupported` when `name` was chosen in another version than `version`, or there is no library.
void require_version(const VendorName& name, const std::string& what, const std::string& version);

/// The first of a region's own tactics with the layouts of `uniform`, which can stand in for libraries' kernels at any
/// shape: tiles of warpgroups follow the image's width.
const Tactic* stand_in(const Tactic& uniform, const std::vector<Tactic>& own);
/// The own tactic in `name`.
Tactic own_tactic(const Tactic& tactic, const VendorName& name);

/// Whether no input or output is a slice of a wider tensor.
bool dense(const RegionContext& context);

// ---- cuBLASLt: products with constant matrices, 1x1 convolutions among them

/// Version as "13.1.0"; empty where it is not found.
std::string cublaslt_version();
/// The algorithms that its heuristics propose, most promising first, with the layouts of `own`, which stands in at
/// other shapes; none where the problem is no plain product, or there is no library or GPU.
std::vector<Tactic> cublaslt_tactics(const Target& target, const RegionContext& context, const Tactic& own,
                                     const MmaProblem& problem, const VendorEpilogue& epilogue);
/// Nothing at other shapes than that of `name`, and where the algorithm does not take the pitches of slices. Throws
/// `unsupported` when it was chosen in another version or does not take the shape.
std::unique_ptr<Kernel> prepare_cublaslt(const Target& target, const RegionContext& context, const Tactic& tactic,
                                         const VendorName& name, const MmaProblem& problem,
                                         const VendorEpilogue& epilogue);

// ---- cuDNN: convolutions

/// Version as "9.14.0"; empty where it is not found.
std::string cudnn_version();
std::vector<Tactic> cudnn_tactics(const Target& target, const RegionContext& context, const Tactic& own,
                                  const ConvRegion& region, const VendorEpilogue& epilogue);
/// As `prepare_cublaslt`.
std::unique_ptr<Kernel> prepare_cudnn(const Target& target, const RegionContext& context, const Tactic& tactic,
                                      const VendorName& name, const ConvRegion& region, const VendorEpilogue& epilogue);

}  // namespace fovea::backend::cuda
