"""One .tflite operator as the readers in `kinds/` see it: operands, options, axes, constants."""

from __future__ import annotations

import math
from typing import Any, Protocol

import numpy as np
from numpy.typing import NDArray

from qnnlab.errors import ModelFormatError
from qnnlab.graph.checks import printable, shape_text
from qnnlab.graph.integer.model import Activation, Op, Weights
from qnnlab.graph.model import Graph, Operator, Option, Tensor

#: Bits of the activations that have an integer form, by type.
ACTIVATION_BITS = {"int8": 8, "int16": 16}
#: Types of integers that say shapes and axes.
SHAPE_TYPES = ("int32", "int64")

_WEIGHT_BITS = {"int8": 8, "int4": 4, "int2": 2}
_RELUS = {"NONE": None, "RELU": "relu", "RELU6": "relu6", "RELU_N1_TO_1": "relu_n1_to_1"}


class GraphBuilder(Protocol):
    """What an operator's reader appends to."""

    graph: Graph
    activations: list[Activation]
    ops: list[Op]

    def add(self, activation: Activation) -> int:
        """Append an activation; its index."""
        ...

    def source(self, index: int) -> int:
        """The activation of an operand."""
        ...

    def target(self, index: int) -> int:
        """The activation of an output."""
        ...


def unbatched(shape: tuple[int, ...]) -> tuple[int, ...]:
    """A shape without its leading 1; a scalar has one element."""
    if len(shape) > 1 and shape[0] == 1:
        return shape[1:]
    return shape or (1,)


class OperatorReader:
    """One .tflite operator, as the readers in `kinds/` see it.

    Axes are those of activations, the batch not counted. Whatever does not fit is a
    ModelFormatError.
    """

    def __init__(self, reader: GraphBuilder, operator: Operator) -> None:
        self._reader = reader
        self._operator = operator
        self.name = operator.name
        self.n_inputs = len(operator.inputs)
        self.n_outputs = len(operator.outputs)

    def option(self, name: str) -> Option:
        """An option's value."""
        return self._operator.options[name]

    def relu(self) -> str | None:
        """The fused activation."""
        name = str(self.option("fused_activation_function"))
        if name not in _RELUS:
            raise ModelFormatError(f"its fused activation {name} is not computed")
        return _RELUS[name]

    def _operand(self, position: int) -> Tensor:
        tensor = self._reader.graph.operand(self._operator, position)
        if tensor is None:
            raise ModelFormatError(f"its input {position} is missing")
        return tensor

    def rank(self, position: int) -> int:
        """Dimensions of an input in the file, the batch counted."""
        return len(self._operand(position).shape)

    def is_scalar(self, position: int) -> bool:
        """Whether an input has no dimensions in the file."""
        return not self._operand(position).shape

    def source(self, position: int) -> int:
        """Index of the activation at an input."""
        return self._reader.source(self._operand(position).index)

    def activation(self, index: int) -> Activation:
        """The activation of that index."""
        return self._reader.activations[index]

    def target(self, position: int = 0) -> Activation:
        """The activation at an output."""
        return self.activation(self._reader.target(self._operator.outputs[position]))

    def append(self, kind: str, sources: tuple[int, ...], *, output: int = 0, **parts: Any) -> None:
        """Append an operator of `kind` that makes the output at that position."""
        place = self._reader.target(self._operator.outputs[output])
        name = printable(self._reader.graph.tensors[self._operator.outputs[output]].name)
        self._reader.ops.append(Op(name, kind, sources, place, **parts))

    def reshaped(self, source: int, shape: tuple[int, ...]) -> int:
        """A new activation: the source's codes in another shape."""
        before = self.activation(source)
        made = Activation(before.name, shape, before.bits, before.scale, before.zero_point)
        place = self._reader.add(made)
        self._reader.ops.append(Op(before.name, "reshape", (source,), place))
        return place

    def integers(self, position: int) -> NDArray[np.int64]:
        """A constant operand of integers."""
        tensor = self._operand(position)
        if not tensor.is_constant or tensor.dtype not in SHAPE_TYPES:
            raise ModelFormatError(f"its input {position} is settled at run time only")
        return tensor.values().astype(np.int64)

    def scalar_code(self, position: int) -> int:
        """A constant operand of one code."""
        tensor = self._operand(position)
        if not tensor.is_constant or tensor.n_elements != 1 or tensor.dtype not in ACTIVATION_BITS:
            raise ModelFormatError(f"its input {position} is no constant code")
        return int(tensor.values().reshape(())[()])

    def _dropped(self, position: int) -> int:
        shape = self._operand(position).shape
        return len(shape) - len(unbatched(shape)) if shape else 0

    def axis(self, axis: int, position: int = 0) -> int:
        """An axis of the input at `position`, the batch not counted."""
        rank = self.rank(position)
        place = axis + rank if axis < 0 else axis
        if not 0 <= place < rank:
            raise ModelFormatError(f"its axis {axis} is none of {rank} dimensions")
        place -= self._dropped(position)
        if place < 0:
            raise ModelFormatError("it works across the batch")
        return place

    def output_axis(self, axis: int) -> int:
        """An axis of the output, the batch not counted."""
        shape = self._reader.graph.tensors[self._operator.outputs[0]].shape
        place = axis + len(shape) if axis < 0 else axis
        place -= len(shape) - len(unbatched(shape))
        if not 0 <= place < len(unbatched(shape)):
            raise ModelFormatError("it works across the batch")
        return place

    def axes(self, position: int, of: int = 0) -> tuple[int, ...]:
        """Axes of the input `of`, in order, as a constant operand names them.

        The batch is dropped: over its one element nothing is summed.
        """
        dropped = self._dropped(of)
        rank = self.rank(of)
        found = set()
        for axis in self.integers(position).reshape(-1).tolist():
            place = axis + rank if axis < 0 else axis
            if not 0 <= place < rank:
                raise ModelFormatError(f"its axis {axis} is none of {rank} dimensions")
            found.add(place - dropped)
        return tuple(sorted(place for place in found if place >= 0))

    def order(self, position: int) -> tuple[int, ...]:
        """The order of axes of a transpose; the batch, of one element, may go anywhere."""
        order = self.integers(position).reshape(-1).tolist()
        rank, dropped = self.rank(0), self._dropped(0)
        if sorted(order) != list(range(rank)):
            raise ModelFormatError(f"its order {shape_text(order)} is none of {rank} axes")
        return tuple(axis - dropped for axis in order if axis >= dropped)

    def paddings(self, position: int) -> tuple[tuple[int, ...], tuple[int, ...]]:
        """Elements before and after, by axis."""
        widths = self.integers(position)
        rank, dropped = self.rank(0), self._dropped(0)
        if widths.shape != (rank, 2):
            raise ModelFormatError(f"its paddings have shape {shape_text(widths.shape)}")
        if widths[:dropped].any():
            raise ModelFormatError("it pads the batch")
        return tuple(widths[dropped:, 0].tolist()), tuple(widths[dropped:, 1].tolist())

    def extent_of_output(self, position: int, axis: int) -> int:
        """Elements of the output at `position` along an axis of the input."""
        shape = unbatched(self._reader.graph.tensors[self._operator.outputs[position]].shape)
        if axis >= len(shape):
            raise ModelFormatError("its outputs have fewer dimensions than its input")
        return shape[axis]

    def plain_slice(self) -> tuple[tuple[int, ...], tuple[int, ...], tuple[int, ...]]:
        """Begin, size and step by axis of a SLICE."""
        begin, size = self.integers(1).reshape(-1), self.integers(2).reshape(-1)
        shape, dropped = self._operand(0).shape, self._dropped(0)
        if len(begin) != len(shape) or len(size) != len(shape):
            raise ModelFormatError("its begin and size do not fit its input")
        whole = [
            extent - b if s == -1 else s
            for extent, b, s in zip(shape, begin.tolist(), size.tolist(), strict=True)
        ]
        steps = (1,) * (len(shape) - dropped)
        return tuple(begin[dropped:].tolist()), tuple(whole[dropped:]), steps

    def strided_slice(self) -> tuple[tuple[int, ...], tuple[int, ...], tuple[int, ...]]:
        """Begin, size and step by axis of a STRIDED_SLICE, its masks applied."""
        shape, dropped = self._operand(0).shape, self._dropped(0)
        if self.option("ellipsis_mask") or self.option("new_axis_mask") or self.option("offset"):
            raise ModelFormatError("its ellipsis, new axes or offsets are not computed")
        given = [self.integers(position).reshape(-1).tolist() for position in (1, 2, 3)]
        if any(len(part) > len(shape) for part in given) or len(set(map(len, given))) != 1:
            raise ModelFormatError("its begin, end and strides do not fit its input")
        found = []
        for axis, extent in enumerate(shape):
            inside = axis < len(given[0])
            begin, end, step = (part[axis] for part in given) if inside else (0, extent, 1)
            found.append(self._range(axis, extent, (begin, end, step)))
        begins, sizes, steps = zip(*found, strict=True)
        return begins[dropped:], sizes[dropped:], steps[dropped:]

    def _range(self, axis: int, extent: int, given: tuple[int, int, int]) -> tuple[int, int, int]:
        begin, end, step = given
        if step == 0:
            raise ModelFormatError(f"its stride along axis {axis} is 0")
        masks = [int(self.option(name)) >> axis & 1 for name in ("begin_mask", "end_mask")]
        if int(self.option("shrink_axis_mask")) >> axis & 1:
            first = begin + extent if begin < 0 else begin
            return first, 1, 1
        part = slice(None if masks[0] else begin, None if masks[1] else end, step)
        start, stop, step = part.indices(extent)
        return start, len(range(start, stop, step)), step

    def weights(self, position: int, axis: int) -> Weights:
        """Constant weights with a scale, or one along `axis`."""
        tensor = self._operand(position)
        if not tensor.is_constant:
            raise ModelFormatError("its weights are not constant")
        if tensor.dtype not in _WEIGHT_BITS:
            raise ModelFormatError(f"its weights are {tensor.dtype}, not int8, int4 or int2")
        quantization = tensor.quantization
        if quantization is None or quantization.scale.size == 0:
            raise ModelFormatError("its weights have no scale")
        if quantization.zero_point.any():
            raise ModelFormatError("its weights have a zero point other than 0")
        if quantization.per_channel and quantization.axis != axis:
            raise ModelFormatError("its weights have scales along another axis than its channels")
        bits = _WEIGHT_BITS[tensor.dtype]
        # A dead channel may have scale 0; all of its codes are 0 then, whatever they multiply.
        scale = np.where(quantization.scale > 0, quantization.scale, 1).astype(np.float32)
        codes = tensor.values().astype(np.int8)
        dead = quantization.scale == 0
        if dead.any() and np.moveaxis(codes, axis, 0)[dead if dead.size > 1 else ...].any():
            raise ModelFormatError("its weights have a scale of 0")
        return Weights(codes, bits, scale)

    def bias(self, position: int) -> NDArray[np.int64] | None:
        """The constant bias in accumulator codes, None where there is none."""
        tensor = self._reader.graph.operand(self._operator, position)
        if tensor is None:
            return None
        if not tensor.is_constant or tensor.dtype not in SHAPE_TYPES:
            raise ModelFormatError(f"its bias is {tensor.dtype}, not constant int32 or int64")
        return tensor.values().astype(np.int64).reshape(math.prod(tensor.shape))
