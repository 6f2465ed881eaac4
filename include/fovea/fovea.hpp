#pragma once

#include "fovea/builder.hpp"
#include "fovea/engine.hpp"
#include "fovea/error.hpp"
#include "fovea/tensor.hpp"
#include "fovea/version.hpp"
