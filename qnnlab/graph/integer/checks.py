"""What makes an IntegerGraph whole; each rule raises ModelFormatError that names the operator."""

from __future__ import annotations

import math

from qnnlab.errors import ModelFormatError
from qnnlab.graph.checks import printable, shape_text
from qnnlab.graph.integer.kinds import KINDS
from qnnlab.graph.integer.kinds.rules import check_scale, require
from qnnlab.graph.integer.model import RELUS, Activation, IntegerGraph, Op

# 16 MiB in int8: more than any microcontroller has.
_MAX_ELEMENTS = 2**24
_MAX_RANK = 5
_RELU_NAMES = ", ".join(name for name in RELUS if name)


def check_integer_graph(graph: IntegerGraph) -> None:
    """Raise ModelFormatError unless `graph` can be executed exactly.

    Shapes follow from the operators, codes and zero points lie in their ranges, and no sum or
    product leaves the integers that TFLite's kernels compute with.
    """
    _check_name(graph.name)
    for position, activation in enumerate(graph.activations):
        try:
            _check_activation(activation)
        except ModelFormatError as error:
            name = printable(activation.name)
            raise ModelFormatError(f"activation {position} {name!r}: {error}") from None
    count = len(graph.activations)
    for what, index in (("input", graph.input), ("output", graph.output)):
        if not 0 <= index < count:
            raise ModelFormatError(f"graph {what}: activation {index} does not exist")
    made = {graph.input}
    for position, op in enumerate(graph.ops):
        try:
            _check_op(graph, op, made)
        except ModelFormatError as error:
            name = printable(op.name)
            raise ModelFormatError(
                f"operator {position} {name!r} ({printable(op.kind)}): {error}"
            ) from None
        made.add(op.output)
    if len(made) < count:
        missing = min(set(range(count)) - made)
        name = printable(graph.activations[missing].name)
        raise ModelFormatError(f"activation {missing} {name!r}: no operator makes it")


def _check_name(name: str) -> None:
    try:
        name.encode()
    except UnicodeEncodeError:
        raise ModelFormatError("its name is no Unicode text") from None


def _check_activation(activation: Activation) -> None:
    _check_name(activation.name)
    require(2 <= activation.bits <= 16, f"it has {activation.bits} bits, they go from 2 to 16")
    check_scale(activation.scale)
    zero_point = activation.zero_point
    require(
        activation.code_low <= zero_point <= activation.code_high,
        f"its zero point {zero_point} is no code of {activation.bits} bits",
    )
    require(
        not activation.wide or zero_point == 0,
        f"its zero point is {zero_point}, above 8 bits it must be 0",
    )
    shape = activation.shape
    require(
        0 < len(shape) <= _MAX_RANK
        and all(0 < extent <= _MAX_ELEMENTS for extent in shape)
        and math.prod(shape) <= _MAX_ELEMENTS,
        f"its shape {shape_text(shape)} must have 1 to {_MAX_RANK} dimensions, none of them "
        f"empty, and at most {_MAX_ELEMENTS} elements",
    )


def _check_op(graph: IntegerGraph, op: Op, made: set[int]) -> None:
    _check_name(op.name)
    kind = KINDS[op.kind]
    require(op.relu in RELUS, f"its relu is {printable(str(op.relu))}, not one of {_RELU_NAMES}")
    require(op.relu is None or kind.relu, f"a {op.kind} has no relu")
    operands = len(op.inputs)
    fits = operands > 0 if kind.operands is None else operands == kind.operands
    wanted = "one or more" if kind.operands is None else kind.operands
    require(fits, f"it has {operands} inputs, not {wanted}")
    for index in op.inputs:
        require(index in made, f"its input, activation {index}, is not made before it")
    count = len(graph.activations)
    require(0 <= op.output < count, f"its output, activation {op.output}, does not exist")
    require(op.output not in made, f"its output, activation {op.output}, is made twice")
    require(
        kind.weighted == (op.weights is not None),
        "it has no weights" if kind.weighted else "it can't have weights",
    )
    require(kind.weighted or op.bias is None, "it can't have a bias")
    require(op.constant is None or op.kind == "constant", "it can't have codes of its own")
    needed = set(kind.attributes)
    fits = needed <= set(op.attributes) <= needed.union(kind.optional)
    require(fits, f"its attributes must be {', '.join(kind.attributes) or 'none'}")
    kind.check(graph, op)
    if op.relu not in (None, "relu"):
        scale = graph.activations[op.output].scale
        require(6 / scale < 2**30, f"its output scale {scale:g} is too small for a {op.relu}")
