#!/usr/bin/env python3
"""Writes the rows of operand_types.cpp's table: what the schemas of the installed `onnx` package say of the inputs' types.

    operand_types.py OUTPUT

One row per formal input of each operator of the main domain in each version; sorted by operator and version. Types are masks of 1 << TensorProto.DataType; an input that
takes no dense tensor has the mask 0.
"""

import sys
from pathlib import Path

from onnx import TensorProto, defs

NUMBERS = {f"tensor({name.lower()})": number for name, number in TensorProto.DataType.items()}


def mask(types):
    return sum(1 << NUMBERS[name] for name in types if name in NUMBERS)


def kind(formal):
    option = formal.option.name.lower()
    return option if option != "variadic" else "same" if formal.is_homogeneous else "mixed"


def rows(schema):
    for formal in schema.inputs:
        yield (f'{{"{schema.name}", {schema.since_version}, "{formal.name}", "{formal.type_str}", {mask(formal.types):#x}, '
               f"Kind::{kind(formal)}}},\n")


def main():
    schemas = [schema for schema in defs.get_all_schemas_with_history() if not schema.domain]
    schemas.sort(key=lambda schema: (schema.name, schema.since_version))
    Path(sys.argv[1]).write_text("".join(row for schema in schemas for row in rows(schema)), encoding="utf-8")


main()
