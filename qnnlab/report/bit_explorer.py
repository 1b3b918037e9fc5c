"""The bit-width explorer: a tensor and its quantization grid, from 1 to 8 bits, under switches.

Every state is computed here, by `qnnlab.numerics`; the script in the page only draws it. Without
the script, and in print, the static figure stands for it.
"""

from __future__ import annotations

import json
from collections.abc import Mapping, Sequence
from dataclasses import asdict, dataclass
from functools import cache
from itertools import product
from math import isfinite
from pathlib import Path
from typing import Any

import numpy as np
from numpy.typing import NDArray

from qnnlab.errors import ReportError
from qnnlab.numerics.affine import Affine, CodeRange, dequantize, quantize
from qnnlab.numerics.distortion import mse, sqnr_db
from qnnlab.numerics.observers import observe
from qnnlab.numerics.packing import pack
from qnnlab.numerics.slices import spread
from qnnlab.report.exhibits import Figure, Provenance, figure
from qnnlab.report.formatting import escape, format_number
from qnnlab.report.style import PALETTE, use_style

BITS = tuple(range(1, 9))
BINS = 48
OBSERVERS: Mapping[str, str] = {"minmax": "min–max", "mse": "least squares"}
_SCALE_BYTES = 4


@dataclass(frozen=True, eq=False)
class Subject:
    """A tensor to explore; `axis` is that of its channels, None where it has one scale only.

    Raises ReportError where it holds no values, or a NaN or infinity.
    """

    name: str
    values: NDArray[np.floating]
    axis: int | None = None

    def __post_init__(self) -> None:
        if self.values.size == 0 or not np.isfinite(self.values).all():
            raise ReportError(f"explorer: {self.name!r} must hold values, all of them finite")


@dataclass(frozen=True)
class Setting:
    """One state of the switches."""

    bits: int
    symmetric: bool = True
    per_channel: bool = False
    observer: str = "minmax"

    @property
    def key(self) -> str:
        """How the page's script calls it."""
        ends = "symmetric" if self.symmetric else "asymmetric"
        return f"{self.bits}/{ends}/{'channel' if self.per_channel else 'tensor'}/{self.observer}"


@dataclass(frozen=True)
class Grid:
    """The real numbers that the codes of one scale stand for: evenly spaced from first to last."""

    label: str
    first: float
    last: float
    count: int


@dataclass(frozen=True)
class Frame:
    """What the explorer shows in one state; errors are root mean squares, one a bin or None."""

    grids: tuple[Grid, ...]
    errors: tuple[float | None, ...]
    rms: float
    sqnr: float | None
    text: str


def affine_of(subject: Subject, setting: Setting) -> Affine:
    """The quantizer of a state. Symmetric kernels leave out the lowest code, as TFLite's do."""
    narrow = setting.symmetric and subject.axis is not None and setting.bits > 1
    axis = subject.axis if setting.per_channel else None
    codes = CodeRange(setting.bits, narrow=narrow)
    return observe(subject.values, codes, setting.observer, symmetric=setting.symmetric, axis=axis)


def frame_of(subject: Subject, setting: Setting) -> Frame:
    """What is to be seen of `subject` in one state of the switches."""
    affine = affine_of(subject, setting)
    codes = quantize(subject.values, affine)
    moved = dequantize(codes, affine)
    rms, sqnr = mse(subject.values, moved) ** 0.5, sqnr_db(subject.values, moved)
    return Frame(
        _grids(affine),
        _errors_by_bin(subject.values, moved),
        rms,
        sqnr if isfinite(sqnr) else None,
        _text(subject, setting, affine, codes, (rms, sqnr)),
    )


def _grids(affine: Affine) -> tuple[Grid, ...]:
    """The grid of the tensor, or those of the channels with the widest, middle and narrowest."""
    scales, zeros = np.atleast_1d(affine.scale), np.atleast_1d(affine.zero_point)
    order = np.argsort(-scales, kind="stable")
    named = {"tensor": order[0]}
    if affine.axis is not None:
        named = dict(
            zip(("widest", "middle", "narrowest"), order[[0, len(order) // 2, -1]], strict=True)
        )
    low, high = affine.codes.low, affine.codes.high
    return tuple(
        Grid(
            label,
            float((low - zeros[at]) * scales[at]),
            float((high - zeros[at]) * scales[at]),
            high - low + 1,
        )
        for label, at in named.items()
    )


def _edges(values: NDArray[np.floating]) -> NDArray[np.float64]:
    return np.histogram_bin_edges(np.asarray(values, np.float64).ravel(), BINS)


def _errors_by_bin(
    values: NDArray[np.floating], moved: NDArray[np.floating]
) -> tuple[float | None, ...]:
    flat, difference = values.ravel().astype(np.float64), (moved - values).ravel()
    bins = np.clip(np.searchsorted(_edges(flat), flat, side="right") - 1, 0, BINS - 1)
    counts = np.bincount(bins, minlength=BINS)
    squares = np.bincount(bins, difference.astype(np.float64) ** 2, minlength=BINS)
    return tuple(
        float(np.sqrt(total / count)) if count else None
        for total, count in zip(squares, counts, strict=True)
    )


def _text(
    subject: Subject,
    setting: Setting,
    affine: Affine,
    codes: NDArray[np.int32],
    error: tuple[float, float],
) -> str:
    """The state in words and numbers, which screen readers are told at each move."""
    scales = np.atleast_1d(affine.scale)
    scale = spread(affine.scale, codes.shape, affine.axis, affine.group)
    zero = spread(affine.zero_point, codes.shape, affine.axis, affine.group)
    position = subject.values / scale + zero
    beyond = (position < affine.codes.low - 0.5) | (position > affine.codes.high + 0.5)
    scale_text = (
        f"scale {format_number(float(scales[0]))}, zero point {int(np.atleast_1d(zero).flat[0])}"
        if affine.axis is None
        else f"{len(scales)} scales from {format_number(float(scales.min()))} "
        f"to {format_number(float(scales.max()))}"
    )
    available = affine.codes.high - affine.codes.low + 1
    size = len(pack(codes, setting.bits))
    return (
        f"{setting.bits} bit{'s' if setting.bits > 1 else ''}: SQNR {error[1]:.1f} dB, "
        f"RMS error {format_number(error[0])}; {scale_text}; "
        f"{len(np.unique(codes))} of {available} codes used; "
        f"{100 * beyond.mean():.1f} % beyond the range; "
        f"{size:,} B of codes and {_SCALE_BYTES * len(scales):,} B of scales"
    )


def settings_of(subject: Subject) -> list[Setting]:
    """Every state that `subject` can be in."""
    granularities = (False, True) if subject.axis is not None else (False,)
    return [Setting(*s) for s in product(BITS, (True, False), granularities, OBSERVERS)]


@dataclass(frozen=True, repr=False)
class Explorer:
    """A figure that moves with the bits where scripts run, and `still` where they don't."""

    subjects: Sequence[Mapping[str, Any]]
    still: Figure
    bits: int

    def _repr_html_(self) -> str:
        data = {"bits": self.bits, "observers": dict(OBSERVERS), "subjects": list(self.subjects)}
        held = escape(json.dumps(data, separators=(",", ":"), ensure_ascii=False))
        return (
            f'{self.still._repr_html_()}<div class="bit-explorer" data-frames="{held}"></div>'
            f"<script>{_script()}</script>"
        )

    def _repr_mimebundle_(self, include: Any = None, exclude: Any = None) -> dict[str, str]:
        return {"text/html": self._repr_html_(), "text/plain": repr(self)}

    def __repr__(self) -> str:
        return repr(self.still)


@cache
def _script() -> str:
    path = Path(__file__).parent / "templates" / "bit_explorer.js"
    return path.read_text(encoding="utf-8")


def _for_script(subject: Subject) -> dict[str, Any]:
    edges = _edges(subject.values)
    frames = {setting.key: frame_of(subject, setting) for setting in settings_of(subject)}
    return {
        "name": subject.name,
        "channels": subject.axis is not None,
        "low": float(edges[0]),
        "high": float(edges[-1]),
        "counts": np.histogram(subject.values, edges)[0].tolist(),
        "frames": {key: _rounded(asdict(frame)) for key, frame in frames.items()},
    }


def _rounded(item: Any) -> Any:
    """Five digits are finer than a pixel and keep the page small."""
    if isinstance(item, float):
        return float(f"{item:.5g}")
    if isinstance(item, dict):
        return {key: _rounded(value) for key, value in item.items()}
    return [_rounded(value) for value in item] if isinstance(item, list | tuple) else item


def explorer(
    subjects: Sequence[Subject], provenance: Sequence[Provenance], bits: int = 4
) -> Explorer:
    """The explorer of `subjects`, which starts at the first of them with `bits` bits.

    Raises ReportError on no subject and on bits outside 1 to 8.
    """
    if not subjects or bits not in BITS:
        raise ReportError(f"the explorer takes a tensor and 1 to 8 bits, not {bits} bits")
    still = _still(subjects[0], bits, provenance)
    return Explorer([_for_script(subject) for subject in subjects], still, bits)


def _still(subject: Subject, bits: int, provenance: Sequence[Provenance]) -> Figure:
    """Four widths side by side: the histogram, the grid and the error."""
    from matplotlib import pyplot as plt

    widths = sorted({8, bits, 3, 2}, reverse=True)
    edges = _edges(subject.values)
    middles = (edges[1:] + edges[:-1]) / 2
    with use_style():
        fig, axes = plt.subplots(
            2, len(widths), figsize=(2.4 * len(widths), 4), sharex=True, sharey="row", squeeze=False
        )
        for (top, bottom), width in zip(axes.T, widths, strict=True):
            frame = frame_of(subject, Setting(width))
            grid = frame.grids[0]
            top.hist(subject.values.ravel(), edges, color=PALETTE[5])
            for level in np.linspace(grid.first, grid.last, grid.count):
                top.axvline(level, color=PALETTE[1], linewidth=0.4 if width > 6 else 0.8)
            sqnr = "no error" if frame.sqnr is None else f"SQNR {frame.sqnr:.1f} dB"
            top.set_title(f"{width} bits\n{sqnr}", fontsize=9)
            bottom.bar(middles, [e or 0 for e in frame.errors], np.diff(edges), color=PALETTE[0])
            bottom.set_xlabel("value", fontsize=8)
        axes[0][0].set_ylabel("values")
        axes[1][0].set_ylabel("RMS error")
        axes[0][0].set_xlim(edges[0], edges[-1])
        return figure(
            fig,
            caption=(
                f"{subject.name}: the histogram, the grid that codes can stand for, and the error "
                "that each part of the histogram gets. The page's figure moves: choose bits, "
                "range, granularity and observer there. Printed: symmetric, one scale, min–max."
            ),
            provenance=provenance,
            alt=f"Histograms of {subject.name} with the quantization grid and its error, by bits",
        )
