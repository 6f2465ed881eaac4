// Stands in where the headers of cuBLASLt or cuDNN were not found when this was built: there are no such tactics.
#include "backend/cuda/vendor.hpp"
#include "fovea/error.hpp"

namespace fovea::backend::cuda {

std::string cublaslt_version() { return {}; }
std::string cudnn_version() { return {}; }

std::vector<Tactic> cublaslt_tactics(const Target&, const RegionContext&, const Tactic&, const MmaProblem&,
                                     const VendorEpilogue&) {
    return {};
}

std::vector<Tactic> cudnn_tactics(const Target&, const RegionContext&, const Tactic&, const ConvRegion&,
                                  const VendorEpilogue&) {
    return {};
}

std::unique_ptr<Kernel> prepare_cublaslt(const Target&, const RegionContext&, const Tactic&, const VendorName& name,
                                         const MmaProblem&, const VendorEpilogue&) {
    require_version(name, "cuBLASLt", {});
    return nullptr;
}

std::unique_ptr<Kernel> prepare_cudnn(const Target&, const RegionContext&, const Tactic&, const VendorName& name,
                                      const ConvRegion&, const VendorEpilogue&) {
    require_version(name, "cuDNN", {});
    return nullptr;
}

}  // namespace fovea::backend::cuda
