#pragma once

// The generated classes of onnx-ml.proto. Included by the sources of this folder only, never by another header that
// leaves it.
#include "onnx-ml.pb.h"

namespace fovea::onnx::schema {
using namespace ::onnx;
}
