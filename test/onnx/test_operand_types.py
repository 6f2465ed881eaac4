"""Operands whose types break an operator's schema are refused when a model is read: all operators, in all their versions.

Each case is a model of one node whose inputs are inputs of the graph, of unknown shape.
"""

import functools
import re
from pathlib import Path

import pytest
from onnx import TensorProto, defs, helper

import fovea

OLDEST_OPSET = 7
#: Types that fovea holds, as messages name them.
NAMES = {"FLOAT": "f32", "DOUBLE": "f64", "FLOAT16": "f16", "BFLOAT16": "bf16", "INT8": "i8", "UINT8": "u8", "INT16": "i16",
         "UINT16": "u16", "INT32": "i32", "UINT32": "u32", "INT64": "i64", "UINT64": "u64", "BOOL": "bool", "FLOAT8E4M3FN": "f8e4m3fn",
         "FLOAT8E8M0": "f8e8m0", "INT4": "i4", "UINT2": "u2"}
OPERATORS_PAGE = Path(__file__).resolve().parents[2] / "docs" / "operators.md"


@functools.cache
def versions():
    """Maps each operator to the (operator set, schema) in which a version of it holds, as far as they are read."""
    result = {}
    schemas = [s for s in defs.get_all_schemas_with_history() if not s.domain]
    for schema in sorted(schemas, key=lambda s: (s.name, s.since_version)):
        held = result.setdefault(schema.name, [])
        opset = max(OLDEST_OPSET, schema.since_version)
        if held and held[-1][0] == opset:
            held.pop()
        held.append((opset, schema))
    return result


def parameters(schema):
    """Formal inputs, one for each actual one: a variadic input stands for three."""
    variadic = [p for p in schema.inputs if p.option == defs.OpSchema.FormalParameterOption.Variadic]
    return list(schema.inputs) + 2 * variadic


def allowed(parameter):
    return [name for name in NAMES if f"tensor({name.lower()})" in parameter.types]


def sound_types(schema):
    """One allowed type for each input (the same for the same type variable), or None where an input takes no tensor."""
    types = [next(iter(allowed(p)), None) for p in parameters(schema)]
    return None if None in types else types


def refusal(operator, opset, types):
    inputs = [helper.make_tensor_value_info(f"x{i}", getattr(TensorProto, name), None) for i, name in enumerate(types)]
    node = helper.make_node(operator, [i.name for i in inputs], ["y"], name="bad")
    graph = helper.make_graph([node], "g", inputs, [helper.make_tensor_value_info("y", TensorProto.FLOAT, None)])
    model = helper.make_model(graph, opset_imports=[helper.make_opsetid("", opset)], ir_version=10)
    try:
        fovea.evaluate(model.SerializeToString(), {})
    except fovea.Error as error:
        return str(error)
    return ""


def expect_refusal(operator, opset, types, i, name):
    message = refusal(operator, opset, types)
    where = f" › node bad ({operator}) › input {i} ({name}) of {operator} › expected "
    assert where in message, f"operator set {opset}, {types}: {message}"
    assert f", found {NAMES[types[i]]} › insert a Cast" in message, message


def compared(schema, i):
    """Whether input `i` must have the type of an earlier input."""
    formal = parameters(schema)
    if not formal[i].is_homogeneous:
        return False
    return any(p.is_homogeneous and p.type_str == formal[i].type_str for p in formal[:i])


@pytest.mark.parametrize("operator", sorted(versions()))
def test_types_of_operands(operator):
    for opset, schema in versions()[operator]:
        types = sound_types(schema)
        if types is None:
            continue
        assert f" of {operator} › expected " not in refusal(operator, opset, types), f"sound types {types} in {opset}"
        for i, parameter in enumerate(parameters(schema)):
            outside = next((name for name in NAMES if name not in allowed(parameter)), None)
            if outside:
                expect_refusal(operator, opset, types[:i] + [outside] + types[i + 1:], i, parameter.name)
            other = next((name for name in allowed(parameter) if name != types[i]), None)
            if other and compared(schema, i):
                expect_refusal(operator, opset, types[:i] + [other] + types[i + 1:], i, parameter.name)


def test_every_operator_is_among_the_schemas():
    listed = re.findall(r"^\| (\w+) \|", OPERATORS_PAGE.read_text(encoding="utf-8"), re.M)
    assert len(listed) > 150
    assert not set(listed) - set(versions()) - {"operator"}


def test_number_of_checks():
    """Guards the loops above: most operators have operands that share a type or do not take every type."""
    schemas = [schema for held in versions().values() for _, schema in held if sound_types(schema)]
    assert sum(compared(s, i) for s in schemas for i in range(len(parameters(s)))) > 250


def test_message():
    assert refusal("Conv", 22, ["FLOAT", "DOUBLE"]).endswith(
        "node bad (Conv) › input 1 (W) of Conv › expected f32, the type of input 0 (X), found f64 › insert a Cast")
    assert ("input 0 (X) of Conv › expected f32, f16 or f64, which operator set 11 allows, found bf16"
            in refusal("Conv", 11, ["BFLOAT16", "BFLOAT16"]))
