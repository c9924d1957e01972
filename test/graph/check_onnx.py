"""Checks ONNX files with onnx.checker and raises on the first fault. Arguments: files. Prints the checker's version.

A checker older than the files (Debian's knows opset 17) checks them under the versions it knows; what came later, such
as Attention, it then takes for a foreign operator: names and order of values are checked all the same.
"""
import sys

import onnx
from onnx import checker, defs, helper

FOREIGN = "com.microsoft"


def lower(model):
    """Declares the versions that this checker knows; returns the operators that it does not."""
    model.ir_version = onnx.IR_VERSION
    for opset in model.opset_import:
        if opset.domain == "":
            opset.version = defs.onnx_opset_version()
    known = {schema.name: schema for schema in defs.get_all_schemas() if schema.domain == ""}

    def is_later(node):
        """
        An operator of a later version: it is not there yet, takes more inputs than it did (axes of reductions) or has other
        attributes (an antialiased Resize).
        """
        schema = known.get(node.op_type)
        return (
            schema is None
            or len(node.input) > schema.max_input
            or any(attribute.name not in schema.attributes for attribute in node.attribute)
        )

    unknown = [node for node in model.graph.node if node.domain == "" and is_later(node)]
    for node in unknown:
        node.domain = FOREIGN
    if unknown and all(opset.domain != FOREIGN for opset in model.opset_import):
        model.opset_import.append(helper.make_opsetid(FOREIGN, 1))
    return sorted({node.op_type for node in unknown})


def is_newer(model):
    """Whether the file is of versions that this checker does not know."""
    return model.ir_version > onnx.IR_VERSION or any(
        opset.domain == "" and opset.version > defs.onnx_opset_version() for opset in model.opset_import
    )


unchecked = []
for path in sys.argv[1:]:
    model = onnx.load(path)
    newer = is_newer(model)
    if newer:
        unchecked += lower(model)
    checker.check_model(model, full_check=not newer)
print(f"onnx {onnx.__version__}" + (f", without {', '.join(sorted(set(unchecked)))}" if unchecked else ""))
