#pragma once

#include <cstdint>
#include <map>
#include <string>
#include <utility>
#include <vector>

#include "base/shape.hpp"
#include "plan/plan.hpp"

/// Texts of the command line as values. Every function throws `invalid_argument` that shows the text and the expected
/// form.
namespace fovea::cli {

/// "1x3x480x640"; "1" and "" (a scalar) are shapes too.
Shape parse_shape(const std::string& text);

/// "name=value" at the last "=", so that names may hold one.
std::pair<std::string, std::string> parse_named(const std::string& text);

/// Values of `--shape name=1x3x480x640`.
std::map<std::string, Shape> parse_shapes(const std::vector<std::string>& texts);

/// "min:opt:max", three shapes of one rank.
plan::InputProfile parse_profile(const std::string& text);

/// "bf16", "fp32" and the like.
DType parse_dtype(const std::string& text);

/// One axis of a sweep: values of the batch, or sizes (height, width).
struct SweepAxis {
    std::string name;  ///< "batch" or "size"
    std::vector<std::vector<std::int64_t>> values;
};

/// "batch=1,2,4..64,size=256x512,512x1024"; "a..b" doubles from a up to b.
std::vector<SweepAxis> parse_sweep(const std::string& text);

}  // namespace fovea::cli
