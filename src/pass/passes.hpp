#pragma once

#include "pass/pass.hpp"

/// One function per file of this folder that holds a pass; `pipeline.cpp` puts them in order.
namespace fovea::pass {

Pass attention_layout();
Pass canonical_arithmetic();
Pass canonical_einsum();
Pass canonical_fills();
Pass canonical_linear();
Pass canonical_pools();
Pass canonical_quantised();
Pass canonical_shapes();
Pass clean_casts();
Pass clean_reshapes();
Pass clean_transposes();
Pass clean_views();
Pass dead_code();
Pass drop_expansions();
Pass fold_affine();
Pass fold_constants();
Pass inline_branches();
Pass merge_equal_nodes();
Pass merge_pads();
Pass merge_siblings();
Pass move_quantisers();
Pass recognise_activations();
Pass recognise_attention();
Pass recognise_group_normalisation();
Pass recognise_normalisations();
Pass recognise_pixel_shuffle();
Pass recognise_softmax();
Pass remove_identities();
Pass resolve_shapes();
Pass separate_dequantisers();
Pass slices_to_split();
Pass unpack_heads();

}  // namespace fovea::pass
