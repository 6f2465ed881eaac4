#pragma once

#include <memory>
#include <span>
#include <string_view>
#include <variant>
#include <vector>

#include "backend/backend.hpp"

namespace fovea::backend::cpu {

/// One kind of kernel of the CPU backend: how to find its regions, and its implementations. `cpu.cpp` lists the
/// families in the order in which they choose nodes.
struct Family {
    std::string_view pattern;
    std::variant<Region, Refusal> (*match)(const MatchContext&, ir::NodeId root);
    std::vector<Tactic> (*tactics)(const RegionContext&);
    std::unique_ptr<Kernel> (*prepare)(const RegionContext&, const Tactic&);
};

std::span<const Family> families();

/// A tactic that reads every input and writes every output in `layout`; tensors of fewer than 3 dimensions and
/// constants stay plain.
Tactic uniform_tactic(const RegionContext& context, std::string name, Layout layout);

/// Whether `id` has a shape that channels_last can order (3 to 5 dimensions).
bool has_channels(const RegionContext& context, ir::ValueId id);

/// Whether own kernels take elements of this type and calculate with them in f32: f32, bf16 and f16.
bool own_float(DType type);

/// Refusal shorthand.
Refusal refuse(Reason reason, std::string detail = {});

}  // namespace fovea::backend::cpu
