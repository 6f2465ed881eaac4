"""Bytes that are no model, bombs of records, broken headers, tensors and external data."""

import functools
import os
import random
import struct

import numpy as np
from onnx import TensorProto, helper, numpy_helper

from hostile_cases import BOOL, CASES, F32, VALID, add, case, field, model, relu, save, value


# --- bytes that are no model -----------------------------------------------------------------------------------------

add("empty_file", lambda: b"")
add("text_file", lambda: b"this is not a model\n" * 10)
add("png_file", lambda: b"\x89PNG\r\n\x1a\n" + bytes(100))
add("zip_file", lambda: b"PK\x03\x04" + bytes(100))
add("gzip_file", lambda: b"\x1f\x8b\x08\x00" + bytes(100))
add("zeros", lambda: bytes(4096))
add("all_ones", lambda: b"\xff" * 4096)
for seed in range(8):
    add(f"random_{seed}", lambda seed=seed: random.Random(seed).randbytes(2000))
for part in range(1, 16):
    add(f"truncated_{part}", lambda part=part: VALID[: len(VALID) * part // 16])
for seed in range(8):
    def flipped(seed=seed):
        # The graph's length is among the first bytes; a change there tears all that follows apart.
        content = bytearray(VALID)
        content[4 + seed % 3] ^= 1 << (3 + seed // 3)
        return bytes(content) + b"\x07"
    add(f"flipped_{seed}", flipped)
add("field_number_zero", lambda: VALID + b"\x02\x00")
add("overlong_varint", lambda: b"\x08" + b"\x80" * 20 + b"\x01" + VALID)
add("group_wire_type", lambda: VALID + b"\x0b\x0c")
add("unknown_wire_type", lambda: VALID + b"\x0e\x00")
add("length_beyond_end", lambda: VALID + b"\x3a\xff\xff\xff\xff\x07")
add("length_of_2_63", lambda: VALID + b"\x3a\xff\xff\xff\xff\xff\xff\xff\xff\x7f")
add("two_graphs", lambda: VALID + field(7, b""))


# --- more records than bytes can pay for -----------------------------------------------------------------------------

BOMBS = {"nodes": (7, 1), "initializers": (7, 5), "inputs": (7, 11), "outputs": (7, 12), "value_infos": (7, 13),
         "functions": (25,), "opset_imports": (8,), "metadata": (14,), "sparse": (7, 15),
         "function_nodes": (25, 7), "attributes": (7, 1, 5), "node_inputs": (7, 1, 1), "dims": (7, 11, 2, 1, 2, 1),
         "tensors_in_attribute": (7, 1, 5, 10), "graphs_in_attribute": (7, 1, 5, 11)}
for bomb, path in BOMBS.items():
    def records(path=path):
        content = field(path[-1], b"") * 2_000_000
        for number in reversed(path[:-1]):
            content = field(number, content)
        return VALID[:2] + content
    add(f"bomb_of_empty_{bomb}", records)


# --- headers ---------------------------------------------------------------------------------------------------------

def changed(change):
    result = model([relu()])
    change(result)
    return result


def header(name, change):
    add(name, lambda: changed(change))


header("no_ir_version", lambda m: m.ClearField("ir_version"))
header("ir_version_15", lambda m: setattr(m, "ir_version", 15))
header("ir_version_negative", lambda m: setattr(m, "ir_version", -1))
header("no_opset", lambda m: m.ClearField("opset_import"))
for version in (0, -1, 29, 1 << 40):
    header(f"opset_{version}", lambda m, version=version: setattr(m.opset_import[0], "version", version))
header("two_opsets", lambda m: m.opset_import.append(helper.make_opsetid("", 13)))
header("no_graph", lambda m: m.ClearField("graph"))
header("no_outputs", lambda m: m.graph.ClearField("output"))
header("sequence_input", lambda m: m.graph.input.append(helper.make_tensor_sequence_value_info("s", F32, None)))
header("string_input", lambda m: setattr(m.graph.input[0].type.tensor_type, "elem_type", TensorProto.STRING))
header("unknown_element_type", lambda m: setattr(m.graph.input[0].type.tensor_type, "elem_type", 99))
header("untyped_input", lambda m: m.graph.input[0].ClearField("type"))
header("negative_input_size", lambda m: setattr(m.graph.input[0].type.tensor_type.shape.dim[0], "dim_value", -7))
header("rank_17", lambda m: m.graph.input[0].CopyFrom(value("x", [1] * 17)))
header("huge_input", lambda m: m.graph.input[0].CopyFrom(value("x", [1 << 40, 1 << 40])))
header("input_twice", lambda m: m.graph.input.append(value("x")))
header("output_twice", lambda m: m.graph.output.append(value("y")))
header("output_of_nothing", lambda m: setattr(m.graph.output[0], "name", "nowhere"))
header("unnamed_output", lambda m: setattr(m.graph.output[0], "name", ""))
header("unnamed_input", lambda m: setattr(m.graph.input[0], "name", ""))


# --- tensors ---------------------------------------------------------------------------------------------------------

def weight(**fields):
    tensor = TensorProto(name="w", data_type=F32, dims=[2])
    tensor.raw_data = bytes(8)
    for key, content in fields.items():
        tensor.ClearField(key)
        if isinstance(content, list):
            getattr(tensor, key).extend(content)
        elif content is not None:
            setattr(tensor, key, content)
    return model([helper.make_node("Add", ["w", "w"], ["y"])], initializers=[tensor])


TENSORS = {
    "raw_too_short": {"raw_data": bytes(7)},
    "raw_too_long": {"raw_data": bytes(9)},
    "no_data": {"raw_data": None},
    "raw_and_typed": {"float_data": [1.0, 2.0]},
    "raw_and_typed_of_other_kind": {"int64_data": [1, 2]},
    "two_typed_fields": {"raw_data": None, "float_data": [1.0, 2.0], "double_data": [1.0, 2.0]},
    "typed_field_of_other_kind": {"raw_data": None, "int32_data": [1, 2]},
    "too_few_floats": {"raw_data": None, "float_data": [1.0]},
    "too_many_floats": {"raw_data": None, "float_data": [1.0] * 1000},
    "negative_dim": {"dims": [-2]},
    "huge_dims": {"dims": [1 << 33, 1 << 33]},
    "overflowing_dims": {"dims": [1 << 62, 4]},
    "overflowing_dims_with_zero": {"dims": [1 << 62, 1 << 62, 0, 1], "raw_data": bytes(4)},
    "declared_terabyte": {"dims": [1 << 35], "raw_data": bytes(16)},
    "rank_100": {"dims": [1] * 100, "raw_data": bytes(4)},
    "no_type": {"data_type": 0},
    "unknown_type": {"data_type": 99},
    "negative_type": {"data_type": -1},
    "strings": {"data_type": TensorProto.STRING, "raw_data": None, "string_data": [b"a", b"b"]},
    "complex": {"data_type": TensorProto.COMPLEX64, "raw_data": bytes(16)},
    "bool_of_two": {"data_type": BOOL, "raw_data": b"\x00\x02"},
    "int8_of_300": {"data_type": TensorProto.INT8, "raw_data": None, "int32_data": [1, 300]},
    "half_of_17_bits": {"data_type": TensorProto.FLOAT16, "raw_data": None, "int32_data": [1, 1 << 16]},
    "int4_too_long": {"data_type": TensorProto.INT4, "raw_data": bytes(2)},
    "no_name": {"name": ""},
}
for tensor_case, changes in TENSORS.items():
    add(f"tensor_{tensor_case}", lambda changes=changes: weight(**changes))


def raw_weight(fields):
    """A model whose initializer is given as wire bytes."""
    return VALID[:2] + field(7, field(5, fields) + field(12, field(1, b"w"))) + field(8, b"\x10\x15")


PROTO = b"\x08\x02\x10\x01" + field(8, b"w")
add("tensor_raw_twice", lambda: raw_weight(PROTO + field(9, bytes(8)) * 2))
add("tensor_unpacked_floats", lambda: raw_weight(PROTO + b"\x25" + struct.pack("<f", 1.0) + b"\x25" + struct.pack("<f", 2.0)))
add("tensor_torn_varint", lambda: raw_weight(b"\x08\x01\x10\x07" + field(8, b"w") + field(7, b"\x80")))
add("tensor_overlong_varint", lambda: raw_weight(b"\x08\x01\x10\x07" + field(8, b"w") + field(7, b"\x80" * 30 + b"\x01")))
add("initializer_twice", lambda: model([relu("w")], initializers=[numpy_helper.from_array(np.zeros(2, np.float32), "w")] * 2))
add("initializer_is_produced", lambda: model([relu("x", "w"), relu("w")], initializers=[numpy_helper.from_array(np.zeros(2, np.float32), "w")]))


@case
def sparse_initializer(_):
    result = model([relu("w")])
    values = numpy_helper.from_array(np.ones(1, np.float32), "w")
    result.graph.sparse_initializer.append(helper.make_sparse_tensor(values, numpy_helper.from_array(np.zeros(1, np.int64)), [1 << 50]))
    return result


# --- external data ---------------------------------------------------------------------------------------------------

def external(name, location="weights.bin", offset=None, length=None, prepare=None, raw=None):
    def make(folder):
        with open(os.path.join(folder, "weights.bin"), "wb") as file:
            file.write(bytes(64))
        if prepare:
            prepare(folder)
        tensor = TensorProto(name="w", data_type=F32, dims=[2], data_location=TensorProto.EXTERNAL)
        if raw:
            tensor.raw_data = raw
        for key, text in (("location", location), ("offset", offset), ("length", length)):
            if text is not None:
                tensor.external_data.add(key=key, value=str(text))
        return model([relu("w")], initializers=[tensor])
    CASES[f"external_{name}"] = functools.partial(save, make)


def link(kind, source, target):
    return lambda folder: kind(source if os.path.isabs(source) else os.path.join(folder, source), os.path.join(folder, target))


external("without_location", None)
external("empty_location", "")
external("absolute", "/etc/hostname")
external("parent_folder", "../weights.bin")
external("parent_inside", "a/../../weights.bin")
external("missing_file", "missing.bin")
external("folder", ".")
external("zero_byte_in_location", "weights.bin\0.txt")
external("symbolic_link", "link.bin", prepare=link(os.symlink, "weights.bin", "link.bin"))
external("symbolic_link_outside", "link.bin", prepare=link(os.symlink, "/etc/hostname", "link.bin"))
external("through_linked_folder", "folder/hostname", prepare=link(os.symlink, "/etc", "folder"))
external("hard_link", "second.bin", prepare=link(os.link, "weights.bin", "second.bin"))
external("fifo", "pipe", prepare=lambda folder: os.mkfifo(os.path.join(folder, "pipe")))
external("offset_beyond_end", offset=60)
external("offset_overflows", offset=(1 << 63) - 1)
external("offset_of_20_digits", offset="9" * 20)
external("offset_negative", offset=-8)
external("offset_is_text", offset="eight")
external("length_too_short", length=4)
external("length_too_long", length=64)
external("length_negative", length=-8)
external("with_raw_data", raw=bytes(8))
