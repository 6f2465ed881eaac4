"""What lies beside the tensors of the `transformers` library: older names of the same keys, and the configuration."""

import json
import re
from pathlib import Path

# older name -> the one that today's classes have
RENAMED = {
    "segformer.": (
        (r"\.encoder\.patch_embeddings\.(\d+)\.", r".stages.\1.patch_embeddings."),
        (r"\.encoder\.block\.(\d+)\.", r".stages.\1.blocks."),
        (r"\.encoder\.layer_norm\.(\d+)\.", r".stages.\1.layer_norm."),
        (r"\.attention\.self\.query\.", ".attention.q_proj."),
        (r"\.attention\.self\.key\.", ".attention.k_proj."),
        (r"\.attention\.self\.value\.", ".attention.v_proj."),
        (r"\.attention\.self\.sr\.", ".attention.sequence_reduction.sequence_reduction."),
        (r"\.attention\.self\.layer_norm\.", ".attention.sequence_reduction.layer_norm."),
        (r"\.attention\.output\.dense\.", ".attention.o_proj."),
        (r"\.mlp\.dense(\d)\.", r".mlp.fc\1."),
        (r"\.layer_norm_1\.", ".layernorm_before."),
        (r"\.layer_norm_2\.", ".layernorm_after."),
    ),
    "decode_head.": ((r"\.linear_c\.", ".linear_projections."),),
    "model.": (
        (r"^model\.backbone\.conv_encoder\.", "model.backbone."),
        (r"\.out_proj\.", ".o_proj."),
        (r"\.layers\.(\d+)\.fc(\d)\.", r".layers.\1.mlp.fc\2."),
    ),
}


def current_name(key: str) -> str:
    for prefix, rules in RENAMED.items():
        if key.startswith(prefix):
            for pattern, replacement in rules:
                key = re.sub(pattern, replacement, key)
    return key


def read_configuration(file: Path) -> dict:
    """The `config.json` in the folder of a checkpoint; empty where there is none."""
    beside = file.with_name("config.json")
    return json.loads(beside.read_text(encoding="utf-8")) if beside.is_file() else {}


def class_names(configuration: dict) -> list[str] | None:
    names = configuration.get("id2label")
    return [names[key] for key in sorted(names, key=int)] if names else None
