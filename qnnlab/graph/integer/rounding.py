"""Integer requantization: the multipliers of an operator and the rules that round with them.

Runtimes agree on the real multiplier and differ in how they round the product. A rule is named
here; "tflm" is what "bit-exact" means in qnnlab.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping
from dataclasses import dataclass
from typing import Any

import numpy as np
from numpy.typing import NDArray

from qnnlab.errors import SpecError, unknown_name
from qnnlab.graph.integer.model import Activation, IntegerGraph, Op
from qnnlab.numerics.fixed_point import divide_by_power

#: accumulators (int64), real multipliers that broadcast with them, whether the accumulators are
#: the 64-bit ones of int16 activations → requantized accumulators (int64), before the zero point.
Rule = Callable[[NDArray[np.int64], NDArray[np.float64], bool], NDArray[np.int64]]


def quantize_multiplier(real: float | NDArray[np.float64]) -> tuple[Any, Any]:
    """`real` ≥ 0 as multiplier × 2^(shift − 31): int32 multiplier in [2^30, 2^31) and int64 shift.

    Of a number they are numpy scalars, of an array arrays of its shape. Below 2^−32 or so both
    are 0. Jacob et al. 2018 (arXiv:1712.05877), section 2.2, with the rounding of TFLite's
    QuantizeMultiplier. Raises ValueError for a negative number or one that is not finite.
    """
    values = np.asarray(real, np.float64)
    if not (np.isfinite(values) & (values >= 0)).all():
        raise ValueError(f"a multiplier must be finite and not negative, not {real}")
    fraction, exponent = np.frexp(values)
    fixed = np.floor(fraction * 2.0**31 + 0.5).astype(np.int64)
    shift = exponent.astype(np.int64)
    carried = fixed == 2**31
    fixed, shift = np.where(carried, fixed // 2, fixed), shift + carried
    flushed = shift < -31
    multiplier = np.where(flushed, 0, fixed).astype(np.int32)
    return multiplier[()], np.where(flushed, 0, shift)[()]


def apply_multiplier(acc: NDArray[np.int64], multiplier: Any, shift: Any) -> NDArray[np.int64]:
    """acc × multiplier × 2^(shift − 31) as TFLite Micro rounds it, twice.

    First the product to its high word, half up, then the right shift, half away from zero.
    """
    left, right = np.maximum(shift, 0), np.maximum(-np.asarray(shift), 0)
    high = ((acc << left) * np.asarray(multiplier, np.int64) + 2**30) >> 31
    return divide_by_power(high, right)


def _wide(acc: NDArray[np.int64], real: NDArray[np.float64]) -> NDArray[np.int64]:
    """The 64-bit accumulators of int16 activations: a 16-bit multiplier, rounded once, half up."""
    multiplier, shift = quantize_multiplier(real)
    fixed = np.asarray(multiplier, np.int64)
    reduced = np.where(fixed < 0x7FFF0000, (fixed + 2**15) >> 16, 0x7FFF)
    total = 15 - np.asarray(shift)
    rounded: NDArray[np.int64] = (acc * reduced + (np.int64(1) << (total - 1))) >> total
    return rounded


def _tflm(acc: NDArray[np.int64], real: NDArray[np.float64], wide: bool) -> NDArray[np.int64]:
    return _wide(acc, real) if wide else apply_multiplier(acc, *quantize_multiplier(real))


def tflm_excess(share: NDArray[np.float64]) -> NDArray[np.float64]:
    """By how much the rule "tflm" rounds positive accumulators up on average, in their steps.

    `share`: an accumulator's step in output steps, as `channel_multipliers` gives it; of int8
    activations. The first rounding is to 2^-n, with 2^-n / 2 <= `share` < 2^-n, and what it
    brings to a half goes up in the second: half of 2^-n, which matters where outputs have few
    codes. No excess where there is no second rounding.
    """
    mantissa, exponent = np.frexp(share)
    return np.where(exponent < 0, 0.5 / mantissa, 0.0)


def _single(acc: NDArray[np.int64], real: NDArray[np.float64], wide: bool) -> NDArray[np.int64]:
    """Rounded once, half up, with the 31-bit multiplier."""
    multiplier, shift = quantize_multiplier(real)
    fixed, total = np.asarray(multiplier, np.int64), 31 - np.asarray(shift)
    half = np.int64(1) << (total - 1)
    if not wide:
        narrow: NDArray[np.int64] = (acc * fixed + half) >> total
        return narrow
    # 48 bits times 31 do not fit 64: the low 16 bits of the accumulator go first.
    carry = ((acc & 0xFFFF) * fixed + half) >> 16
    rounded: NDArray[np.int64] = ((acc >> 16) * fixed + carry) >> (total - 16)
    return rounded


def _float_rescale(
    acc: NDArray[np.int64], real: NDArray[np.float64], wide: bool
) -> NDArray[np.int64]:
    """The float64 product, rounded half away from zero: no integer multiplier at all."""
    product = acc * real
    whole = np.trunc(product)
    # The fraction is exact, where product + 0.5 would round once more.
    away = np.sign(product) * (np.abs(product - whole) >= 0.5)
    rounded: NDArray[np.int64] = (whole + away).astype(np.int64)
    return rounded


def _xnnpack(acc: NDArray[np.int64], real: NDArray[np.float64], wide: bool) -> NDArray[np.int64]:
    """The float32 product of float32 factors, rounded half to even."""
    rounded: NDArray[np.int64] = np.rint(
        acc.astype(np.float32) * np.asarray(real, np.float32)
    ).astype(np.int64)
    return rounded


def _power_of_two(
    acc: NDArray[np.int64], real: NDArray[np.float64], wide: bool
) -> NDArray[np.int64]:
    """The multiplier is the power of two next to it (by its logarithm): a shift, half up."""
    shift = -np.rint(np.log2(np.maximum(real, 2.0**-62))).astype(np.int64)
    right, left = np.clip(shift, 0, 62), np.maximum(-shift, 0)
    half = np.where(right > 0, np.int64(1) << np.maximum(right - 1, 0), 0)
    rounded: NDArray[np.int64] = ((acc << left) + half) >> right
    return rounded


@dataclass(frozen=True)
class Rounding:
    """How a runtime rounds.

    `rule` in all operators that rescale, but `dense_rule` in dense layers and `add_rule` in
    additions and subtractions, whose operands are rescaled too; None of it: as XNNPACK adds.
    `float32_multipliers`: multipliers of weighted operators are products of scales in float32,
    not in float64; `float32_factors`: those of mul, relu, leaky_relu
    and softmax are.
    `exact_mean`: a mean's division lies in the real multiplier, where else the integer one is
    divided. `tables`: int8 logistic and tanh look up what float32 arithmetic gave, where else
    fixed point computes them; `softmax_tables`: int8 softmax too. `wide_as`: the rounding of
    operators above 8 bits, where the runtime hands them on.
    """

    name: str
    title: str
    rule: Rule
    dense_rule: Rule
    add_rule: Rule | None
    float32_multipliers: bool = False
    float32_factors: bool = False
    exact_mean: bool = False
    tables: bool = False
    softmax_tables: bool = False
    wide_as: str | None = None


def _uniform(name: str, title: str, rule: Rule) -> Rounding:
    return Rounding(name, title, rule, rule, rule, exact_mean=name != "tflm")


_ALL = (
    _uniform("tflm", "TFLite Micro, CMSIS-NN: rounded twice", _tflm),
    _uniform("single", "one rounding of the 31-bit multiplier, half up", _single),
    _uniform("float_rescale", "TinyEngine, TinyMaix: product in floating point", _float_rescale),
    Rounding(
        "xnnpack",
        "XNNPACK: float32 product, half to even",
        rule=_xnnpack,
        dense_rule=_xnnpack,
        add_rule=None,
        float32_multipliers=True,
        tables=True,
        softmax_tables=True,
        wide_as="litert_reference",
    ),
    _uniform("power_of_two", "CMSIS-NN before 2020, NNoM: shifts alone", _power_of_two),
    Rounding(
        "litert_reference",
        "LiteRT's reference kernels",
        rule=_tflm,
        dense_rule=_float_rescale,
        add_rule=_tflm,
        float32_factors=True,
        tables=True,
    ),
)

#: The rules by name. tflm: TFLite Micro, CMSIS-NN and gemmlowp's double rounding, and one
#: rounding of a 16-bit multiplier for int16 activations; single: one rounding of the 31-bit
#: multiplier; float_rescale: the product in float64; xnnpack: the product in float32, to even;
#: power_of_two: a shift in place of the multiplier; litert_reference: LiteRT's reference
#: kernels, float_rescale in dense layers and tflm in all others.
ROUNDING: Mapping[str, Rounding] = {entry.name: entry for entry in _ALL}

#: Names of the rules.
ROUNDINGS: tuple[str, ...] = tuple(ROUNDING)


def rounding_named(name: str) -> Rounding:
    """The rounding `name`; raises SpecError for an unknown name."""
    if name not in ROUNDING:
        raise SpecError(unknown_name("rounding", name, ROUNDINGS))
    return ROUNDING[name]


def rounding_for(rounding: Rounding, activation: Activation) -> Rounding:
    """What rounds in an operator that takes `activation` first."""
    if activation.wide and rounding.wide_as is not None:
        return ROUNDING[rounding.wide_as]
    return rounding


def channel_multipliers(graph: IntegerGraph, op: Op, float32: bool = False) -> NDArray[np.float64]:
    """Real multipliers from accumulator to output code: one, or one per output channel.

    For operators with weights and requantize, from float32 scales in float64, as TFLM does, or in
    `float32`.
    """
    kind = np.float32 if float32 else np.float64
    source, target = (
        np.array([graph.activations[index].scale]).astype(kind)
        for index in (op.inputs[0], op.output)
    )
    product = source if op.weights is None else source * op.weights.scale.astype(kind)
    multipliers: NDArray[np.float64] = np.divide(product, target).astype(np.float64)
    return multipliers


def add_multipliers(graph: IntegerGraph, op: Op) -> tuple[float, float, float, int]:
    """Real multipliers of the first and second input and the output, and the left shift.

    For add and sub. Both inputs are shifted left and brought to twice the larger input scale
    before they are added.
    """
    first, second = (graph.activations[index].scale for index in op.inputs)
    output = graph.activations[op.output]
    shift = 15 if output.wide else 20
    twice = 2 * max(first, second)
    return first / twice, second / twice, twice / (2**shift * output.scale), shift


def clamp_range(activation: Activation, relu: str | None) -> tuple[int, int]:
    """Least and largest output code under `relu`; codes of 1 and 6 as TFLM rounds, in float32."""
    low, high = activation.code_low, activation.code_high
    if relu is None:
        return low, high
    floor = 0.0 if relu in ("relu", "relu6") else -1.0
    low = max(low, activation.zero_point + _code_of(floor, activation.scale))
    if relu != "relu":
        ceiling = 6.0 if relu == "relu6" else 1.0
        high = min(high, activation.zero_point + _code_of(ceiling, activation.scale))
    return low, high


def _code_of(value: float, scale: float) -> int:
    steps = np.float64(np.float32(value) / np.float32(scale))
    return int(np.sign(steps) * np.floor(np.abs(steps) + 0.5))
