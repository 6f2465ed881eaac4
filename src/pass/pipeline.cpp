#include "pass/pipeline.hpp"

#include "fovea/error.hpp"
#include "pass/passes.hpp"

namespace fovea::pass {

const std::vector<Pass>& pipeline() {
    static const std::vector<Pass> passes = {
        dead_code(),
        fold_constants(),
        inline_branches(),
        resolve_shapes(),
        remove_identities(),
        merge_equal_nodes(),
        canonical_fills(),
        drop_expansions(),
        canonical_quantised(),
        clean_casts(),
        canonical_arithmetic(),
        canonical_einsum(),
        recognise_normalisations(),
        recognise_group_normalisation(),
        recognise_activations(),
        recognise_softmax(),
        recognise_pixel_shuffle(),
        unpack_heads(),
        clean_views(),
        recognise_attention(),
        attention_layout(),
        clean_transposes(),
        clean_reshapes(),
        merge_pads(),
        fold_affine(),
        canonical_linear(),
        canonical_pools(),
        slices_to_split(),
        merge_siblings(),
        separate_dequantisers(),
        move_quantisers(),
        canonical_shapes(),
    };
    return passes;
}

const Pass& find(std::string_view name) {
    std::string names;
    for (const Pass& pass : pipeline()) {
        if (pass.name == name) return pass;
        names += (names.empty() ? "" : ", ") + std::string(pass.name);
    }
    throw Error(ErrorCode::invalid_argument,
                "there is no pass named \"" + std::string(name) + "\"; the passes are " + names);
}

Report simplify(ir::Graph& graph, const Options& options) { return run(graph, pipeline(), options); }

}  // namespace fovea::pass
