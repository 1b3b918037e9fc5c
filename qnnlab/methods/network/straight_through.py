"""Rounding with a gradient, on TensorFlow tensors."""

from __future__ import annotations

from typing import Any

from qnnlab import backend


def code_limits(bits: int) -> tuple[float, float]:
    """The least and largest signed code."""
    return -(2.0 ** (bits - 1)), 2.0 ** (bits - 1) - 1


def weight_limits(bits: int) -> tuple[float, float]:
    """The least and largest code of learned scales: all codes, without −128 at 8 bits."""
    low, high = code_limits(bits)
    return (-high if bits == 8 else low), high


def rounded(values: Any, low: float, high: float) -> Any:
    """Nearest integers from `low` to `high`; the gradient is 1 inside and 0 outside.

    Straight-through estimator (Bengio et al. 2013, arXiv:1308.3432), ties to even.
    """
    tf = backend.tensorflow()

    @tf.custom_gradient  # type: ignore[untyped-decorator]
    def through(v: Any) -> Any:
        inside = tf.cast((v >= low) & (v <= high), v.dtype)
        return tf.clip_by_value(tf.round(v), low, high), lambda upstream: upstream * inside

    return through(values)


def passed(values: Any, replaced: Any) -> Any:
    """`replaced` forward, the gradient of `values` backward."""
    tf = backend.tensorflow()
    return values + tf.stop_gradient(replaced - values)


def fake_quantized(
    values: Any, scale: Any, low: Any, high: Any, rounding_counts: bool = True
) -> Any:
    """`values` on the grid scale × (low … high), with LSQ's gradients.

    To a value 1 inside the range and 0 outside; to the scale the code minus, inside, the value
    over the scale (Esser et al. 2020, arXiv:1902.08153, equation 3); to `low` and `high` the
    scale where they clip. Without `rounding_counts` the scale learns from clipped values alone.
    Ties to even.
    """
    tf = backend.tensorflow()

    @tf.custom_gradient  # type: ignore[untyped-decorator]
    def through(x: Any, s: Any, least: Any, most: Any) -> Any:
        v = x / s
        codes = tf.clip_by_value(tf.round(v), least, most)

        def gradient(upstream: Any) -> Any:
            below, above = v < least, v > most
            inside = tf.cast(~(below | above), x.dtype)
            passed = upstream * inside
            rounding = passed * (codes - v) if rounding_counts else 0.0
            to_scale = tf.reduce_sum(upstream * (1 - inside) * codes + rounding)
            to_low = tf.reduce_sum(upstream * tf.cast(below, x.dtype)) * s
            to_high = tf.reduce_sum(upstream * tf.cast(above, x.dtype)) * s
            return passed, to_scale, to_low, to_high

        return codes * s, gradient

    return through(values, *(tf.convert_to_tensor(part, tf.float32) for part in (scale, low, high)))
