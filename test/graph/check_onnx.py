"""Checks ONNX files with onnx.checker and raises on the first fault. Arguments: files. Prints the checker's version.

A checker older than the files (Debian's knows opset 17) checks them under the versions it knows; what came later, such
as Attention, it then takes for a foreign operator: names and order of values are checked all the same.
"""
import sys

import onnx
from onnx import checker, defs


def lower(model):
    """Declares the versions that this checker knows; returns the operators that it does not."""
    model.ir_version = onnx.IR_VERSION
    for opset in model.opset_import:
        if opset.domain == "":
            opset.version = defs.onnx_opset_version()
    known = {schema.name: schema for schema in defs.get_all_schemas() if schema.domain == ""}

    def is_later(node):
        """An operator of a later version: it is not there yet, or takes more inputs than it did (axes of reductions)."""
        schema = known.get(node.op_type)
        return schema is None or len(node.input) > schema.max_input

    unknown = [node for node in model.graph.node if node.domain == "" and is_later(node)]
    for node in unknown:
        node.domain = "com.microsoft"
    return sorted({node.op_type for node in unknown})


unchecked = []
for path in sys.argv[1:]:
    model = onnx.load(path)
    old = model.ir_version > onnx.IR_VERSION
    if old:
        unchecked += lower(model)
    checker.check_model(model, full_check=not old)
print(f"onnx {onnx.__version__}" + (f", without {', '.join(sorted(set(unchecked)))}" if unchecked else ""))
