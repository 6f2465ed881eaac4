#pragma once

#include "backend/cpu/cpu.hpp"
#include "compiler/build.hpp"
#include "ir/text.hpp"

namespace fovea::runtime {

/// Convolutions by every kernel, a residual, pooling, concatenation in place, tokens, attention, normalisation.
inline constexpr const char* kNetwork = R"(graph "g" {
  input %x : f32[1, 3, 32, 32]
  const %w1 : f32[16, 3, 7, 7] = random(1)
  const %w2 : f32[16, 16, 3, 3] = random(2)
  const %w3 : f32[16, 32, 3, 3] = random(3)
  const %m : f32[16, 16] = random(4)
  const %scale : f32[16] = random(5)
  const %shape : i64[3] = [1, 16, 256]
  %a : f32[*] = Conv(%x, %w1) {strides = [2, 2], pads = [3, 3, 3, 3]}
  %b : f32[*] = Relu(%a)
  %c : f32[*] = Conv(%b, %w2) {pads = [1, 1, 1, 1]}
  %d : f32[*] = Add(%c, %b)
  %e : f32[*] = MaxPool(%d) {kernel_shape = [3, 3], pads = [1, 1, 1, 1]}
  %f : f32[*] = Concat(%d, %e) {axis = 1}
  %g : f32[*] = Conv(%f, %w3) {pads = [1, 1, 1, 1]}
  %h : f32[*] = Reshape(%g, %shape)
  %t : f32[*] = Transpose(%h) {perm = [0, 2, 1]}
  %q : f32[*] = MatMul(%t, %m)
  %k : f32[*] = Attention(%q, %q, %t) {q_num_heads = 2, kv_num_heads = 2}
  %n : f32[*] = LayerNormalization(%k, %scale) {axis = -1}
  %y : f32[*] = Softmax(%n) {axis = -1}
  output "y" = %y
})";

inline std::shared_ptr<const Engine> network_engine(int threads) {
    const Backends backends = {backend::make_cpu_backend()};
    compiler::BuildOptions options;
    options.threads = threads;
    return std::make_shared<const Engine>(compiler::build(ir::parse(kNetwork), backends, options), backends);
}

}  // namespace fovea::runtime
