"""C of sums, means and largest values over any axes."""

from __future__ import annotations

import math

from qnnlab.codegen.context import Emission, Emitted, render
from qnnlab.graph.integer.model import Op
from qnnlab.graph.integer.rounding import channel_multipliers, quantize_multiplier


def emit_reduction(made: Emission, op: Op, name: str) -> Emitted:
    """A mean has its division in the multiplier, truncated as TFLite has it."""
    made.shared["arithmetic"] = render("arithmetic")
    source, target = made.ends(op)
    shape, axes = source.shape, set(op.attributes["axes"])
    parts = [
        {"extent": extent, "stride": math.prod(shape[axis + 1 :])}
        for axis, extent in enumerate(shape)
    ]
    count = math.prod(shape[axis] for axis in axes)
    multiplier, shift = (
        int(part[0]) for part in quantize_multiplier(channel_multipliers(made.graph, op))
    )
    if op.kind == "mean":
        bits = min(count.bit_length() - 1, 32, 31 + shift)
        multiplier, shift = (multiplier << bits) // count, shift - bits
    largest = op.kind == "reduce_max"
    made.parts.append(
        render(
            "reduce",
            **made.limits(op),
            name=name,
            type=made.c_type(op.output),
            kept=[part for axis, part in enumerate(parts) if axis not in axes],
            reduced=[part for axis, part in enumerate(parts) if axis in axes],
            largest=largest,
            start=source.code_low if largest else -source.zero_point * count,
            m=multiplier,
            left=max(shift, 0),
            right=max(-shift, 0),
            zero_point=target.zero_point,
        )
    )
    return Emitted(made.typed_call(op, name))


EMITTERS = {
    **{(kind, bits): emit_reduction for kind in ("sum", "reduce_max") for bits in (8, 16)},
    ("mean", 16): emit_reduction,
}
