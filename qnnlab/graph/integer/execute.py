"""Execute an IntegerGraph in numpy, to the bit as a named runtime would.

Layers of up to 8-bit activations compute as TFLite's int8 kernels do, wider ones as its int16
kernels; fewer bits only narrow the clamp.
"""

from __future__ import annotations

import math

import numpy as np
from numpy.typing import NDArray

from qnnlab.errors import ModelFormatError
from qnnlab.graph.integer.kinds import KINDS
from qnnlab.graph.integer.kinds.kind import Call, Codes
from qnnlab.graph.integer.model import Activation, IntegerGraph
from qnnlab.graph.integer.rounding import Rounding, clamp_range, rounding_for, rounding_named
from qnnlab.numerics.affine import Affine, CodeRange, dequantize, quantize

_CHUNK_BYTES = 2**26
_MAX_SAMPLE_BYTES = 2**31


def run_integer(graph: IntegerGraph, codes: Codes, rounding: str = "tflm") -> Codes:
    """Output codes (samples, *output shape) of input codes (samples, *input shape).

    `rounding` names a rule of `qnnlab.graph.integer.rounding`; "tflm" equals TFLite Micro byte
    for byte. Memory is bounded by the model, not by the number of samples. Raises
    ModelFormatError for a graph that fails its check or takes gigabytes a sample, SpecError for
    an unknown rounding and ValueError for codes of another shape or range.
    """
    return _in_chunks(graph, codes, rounding, (graph.output,))[0]


def run_layers(graph: IntegerGraph, codes: Codes, rounding: str = "tflm") -> tuple[Codes, ...]:
    """The codes (samples, *shape) of every activation, in the order of `graph.activations`.

    For finding the first layer in which two runs differ; raises as run_integer.
    """
    return _in_chunks(graph, codes, rounding, range(len(graph.activations)))


def quantize_input(graph: IntegerGraph, x: NDArray[np.floating]) -> Codes:
    """Input codes of real numbers `x` (samples, *input shape); nearest, ties to even.

    Raises ValueError for NaN.
    """
    source = graph.activations[graph.input]
    return quantize(x, _affine(source)).astype(source.dtype)


def dequantize_output(graph: IntegerGraph, codes: Codes) -> NDArray[np.float32]:
    """The real numbers that output codes stand for."""
    return dequantize(codes, _affine(graph.activations[graph.output]))


def _affine(activation: Activation) -> Affine:
    scale, zero_point = np.array(activation.scale), np.array(activation.zero_point)
    return Affine(scale, zero_point, CodeRange(activation.bits))


def _in_chunks(
    graph: IntegerGraph, codes: Codes, rounding: str, wanted: range | tuple[int, ...]
) -> tuple[Codes, ...]:
    rule = rounding_named(rounding)
    graph.check()
    _check_codes(graph.activations[graph.input], codes)
    needed = _sample_bytes(graph)
    if needed > _MAX_SAMPLE_BYTES:
        raise ModelFormatError(f"a sample takes {needed / 2**30:.0f} GiB to execute")
    step = max(1, _CHUNK_BYTES // needed)
    results = [
        np.empty((len(codes), *graph.activations[i].shape), graph.activations[i].dtype)
        for i in wanted
    ]
    for start in range(0, len(codes), step):
        made = _forward(graph, codes[start : start + step], rule)
        for result, index in zip(results, wanted, strict=True):
            result[start : start + step] = made[index]
    return tuple(results)


def _check_codes(source: Activation, codes: Codes) -> None:
    if codes.ndim == 0 or codes.shape[1:] != source.shape:
        raise ValueError(f"codes have shape {codes.shape}, the graph takes (n, *{source.shape})")
    if codes.dtype.kind not in "iu":
        raise ValueError(f"codes must be integers, not {codes.dtype}")
    if codes.size and not (source.code_low <= codes.min() and codes.max() <= source.code_high):
        raise ValueError(f"codes must be from {source.code_low} to {source.code_high}")


def _sample_bytes(graph: IntegerGraph) -> int:
    """The largest layer's working memory for one sample."""
    sizes = [1]
    for op in graph.ops:
        elements = math.prod(graph.activations[op.output].shape)
        if op.kind == "conv" and op.weights is not None:
            taps = math.prod(op.weights.codes.shape[1:])
            elements += elements // op.weights.codes.shape[0] * taps
        sizes.append(elements + sum(math.prod(graph.activations[i].shape) for i in op.inputs))
    return 8 * max(sizes)


def _forward(graph: IntegerGraph, codes: Codes, rounding: Rounding) -> dict[int, Codes]:
    made = {graph.input: codes}
    for op in graph.ops:
        first = graph.activations[op.inputs[0] if op.inputs else op.output]
        rule = rounding_for(rounding, first)
        call = Call(graph, op, [made[i] for i in op.inputs], rule)
        kind = KINDS[op.kind]
        low, high = clamp_range(call.target, None if kind.clamps_itself else op.relu)
        values = kind.run(call)
        made[op.output] = np.clip(values, low, high).astype(call.target.dtype)
    return made
