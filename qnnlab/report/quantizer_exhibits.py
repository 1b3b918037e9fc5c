"""The affine quantizer as tables and figures: width, zero, rounding, levels, packing.

`source` says what tensor of which network the numbers are of. All figures are computed here.
"""

from __future__ import annotations

from collections.abc import Sequence

import numpy as np
import pandas as pd
from numpy.typing import NDArray

from qnnlab.numerics import codebooks
from qnnlab.numerics.affine import CodeRange, fake_quantize, quantize
from qnnlab.numerics.distortion import mse, sqnr_db
from qnnlab.numerics.observers import observe
from qnnlab.numerics.packing import pack
from qnnlab.numerics.rounding import ROUNDINGS
from qnnlab.report.bit_explorer import BITS, Setting, Subject, affine_of
from qnnlab.report.exhibits import Figure, Provenance, Table, figure
from qnnlab.report.style import MARKERS, use_style

Floats = NDArray[np.floating]

DB_PER_BIT = 6.02
_SHARES = np.linspace(0.3, 1, 71)


def measured(source: str, *quantities: tuple[str, str]) -> list[Provenance]:
    """What was measured here of `source`: quantities with their units."""
    return [Provenance(name, unit, "measured", source) for name, unit in quantities]


def sqnr_figure(subjects: Sequence[Subject], source: str) -> Figure:
    """SQNR by bits of each subject, of a uniform signal, and the line of 6.02 dB a bit."""
    from matplotlib import pyplot as plt

    uniform = np.random.default_rng(0).uniform(-1, 1, 1 << 16)
    lines = {"uniform signal": [_sqnr(Subject("", uniform), Setting(b)) for b in BITS]}
    for subject in subjects:
        lines[f"{subject.name}, min–max"] = [_sqnr(subject, Setting(b)) for b in BITS]
        best = [Setting(b, subject.axis is not None, subject.axis is not None, "mse") for b in BITS]
        lines[f"{subject.name}, best choice"] = [_sqnr(subject, setting) for setting in best]
    with use_style():
        fig, axes = plt.subplots()
        ideal = [DB_PER_BIT * bits for bits in BITS]
        axes.plot(BITS, ideal, "--", color="#666666", label="6.02 dB × bits")
        for (label, values), marker in zip(lines.items(), MARKERS, strict=False):
            axes.plot(BITS, values, marker=marker, label=label)
        axes.set_xlabel("bits")
        axes.set_ylabel("SQNR (dB)")
        fig.legend(loc="outside right upper")
        return figure(
            fig,
            caption=(
                "Signal to quantization noise by bits. Best choice: least squares, for a kernel "
                "symmetric with one scale a channel, for an activation asymmetric."
            ),
            provenance=[
                *measured(source, ("SQNR", "dB")),
                Provenance("SQNR of the uniform signal", "dB", "emulated", "65,536 numbers drawn"),
                Provenance("line", "dB", "estimated", "noise of s²/12, uniform signal"),
            ],
            alt="Line chart of SQNR in dB from 1 to 8 bits, with the line of 6.02 dB a bit",
        )


def _sqnr(subject: Subject, setting: Setting) -> float:
    return sqnr_db(subject.values, fake_quantize(subject.values, affine_of(subject, setting)))


def ranges_table(bits: int) -> Table:
    """The codes of a width: signed, narrow and unsigned."""
    kinds = {
        "signed": CodeRange(bits),
        "unsigned": CodeRange(bits, signed=False),
    }
    if bits > 1:
        kinds["signed, narrow"] = CodeRange(bits, narrow=True)
    uses = {
        "signed": "activations (TFLite int8)",
        "signed, narrow": "kernels (TFLite int8)",
        "unsigned": "activations after ReLU",
    }
    rows = [
        {
            "codes": name,
            "lowest": codes.low,
            "highest": codes.high,
            "count": codes.high - codes.low + 1,
            "used for": uses[name],
        }
        for name, codes in kinds.items()
    ]
    return Table(
        pd.DataFrame(rows).set_index("codes"),
        caption=f"The integers of {bits} bits. Narrow leaves the lowest out, so that −q exists.",
        provenance=[
            Provenance("codes", "", "quoted", "TFLite 8-bit quantization specification"),
        ],
    )


def zero_table(values: Floats, source: str) -> Table:
    """What 0 becomes when the range is moved until 0 is a code, and when it is not."""
    low, high = float(values.min()), float(values.max())
    rows = []
    for bits in (8, 4, 3, 2):
        affine = observe(values, CodeRange(bits), symmetric=False)
        levels = np.linspace(low, high, 2**bits)
        rows.append(
            {
                "bits": bits,
                "scale": float(affine.scale),
                "zero point": int(affine.zero_point),
                "0 becomes": float(fake_quantize(np.zeros(1), affine)[0]),
                "0 on a grid from lowest to highest": float(levels[np.abs(levels).argmin()]),
            }
        )
    return Table(
        pd.DataFrame(rows).set_index("bits"),
        caption="Zero is a code: what padding adds, and what a ReLU cuts off, stays exactly 0.",
        provenance=measured(source, ("scales and what 0 becomes", "")),
    )


def rounding_table(values: Floats, bits: int, source: str, seed: int = 0) -> Table:
    """Each rounding's shift of the mean, in scales, and its error."""
    affine = observe(values, CodeRange(bits, narrow=bits > 1), symmetric=True)
    rows = []
    for name in ROUNDINGS:
        moved = fake_quantize(values, affine, name, np.random.default_rng(seed))
        difference = moved.astype(np.float64) - values
        rows.append(
            {
                "rounding": name.replace("_", " "),
                "shift of the mean": float(difference.mean() / affine.scale),
                "RMS error": mse(values, moved) ** 0.5 / float(affine.scale),
                "SQNR": sqnr_db(values, moved),
            }
        )
    return Table(
        pd.DataFrame(rows).set_index("rounding"),
        caption=f"Roundings at {bits} bits, one scale for the tensor, min–max.",
        provenance=measured(source, ("shift of the mean and RMS error", "scales"), ("SQNR", "dB")),
        units={"shift of the mean": "scales", "RMS error": "scales", "SQNR": "dB"},
        digits={"shift of the mean": 4, "RMS error": 3, "SQNR": 1},
    )


def codebooks_table(values: Floats, source: str) -> Table:
    """SQNR of the affine grid and of codebooks with as many bits, each at its best scale."""
    nf4 = "its levels are for 4 bits"
    odd = "a sign and terms of 2 bits take 3, 5 or 7 bits"
    columns: dict[str, dict[str, float | None]] = {}
    reasons: dict[tuple[str, str], str] = {}
    for bits in (3, 4, 5):
        affine = observe(values, CodeRange(bits, narrow=True), "mse", symmetric=True)
        column: dict[str, float | None] = {
            "affine, evenly spaced": sqnr_db(values, fake_quantize(values, affine)),
            "powers of two": _best_sqnr(values, codebooks.power_of_two(bits)),
            "sums of two powers (APoT)": None,
            "k-means": _codebook_sqnr(values, codebooks.kmeans(values, 2**bits, seed=0)),
            "NormalFloat4": _best_sqnr(values, codebooks.nf4()) if bits == 4 else None,
        }
        label = f"{bits} bits"
        if bits % 2:
            column["sums of two powers (APoT)"] = _best_sqnr(
                values, codebooks.additive_power_of_two(bits)
            )
        else:
            reasons["sums of two powers (APoT)", label] = odd
        if bits != 4:
            reasons["NormalFloat4", label] = nf4
        columns[label] = column
    frame = pd.DataFrame(columns).astype(float)
    frame.index.name = "levels"
    return Table(
        frame,
        caption="SQNR of one kernel with evenly spaced levels and with others, by bits.",
        provenance=measured(source, ("SQNR", "dB")),
        units=dict.fromkeys(columns, "dB"),
        digits=dict.fromkeys(columns, 1),
        reasons=reasons,
    )


def _best_sqnr(values: Floats, levels: NDArray[np.float64]) -> float:
    reach = float(np.abs(values).max())
    return max(_codebook_sqnr(values, levels * reach * share) for share in _SHARES)


def _codebook_sqnr(values: Floats, levels: NDArray[np.float64]) -> float:
    return sqnr_db(values, levels[codebooks.assign(values, levels)])


def packing_table(values: Floats, source: str) -> Table:
    """Bytes of one kernel's codes, packed and one a byte."""
    rows = []
    for bits in reversed(BITS):
        codes = quantize(values, observe(values, CodeRange(bits), symmetric=True))
        packed = len(pack(codes, bits))
        rows.append(
            {
                "bits": bits,
                "packed": packed,
                "one a byte": codes.size,
                "of float32": 100 * packed / (4 * codes.size),
            }
        )
    return Table(
        pd.DataFrame(rows).set_index("bits"),
        caption=(
            f"Bytes of a kernel of {values.size:,} weights. A runtime that keeps one code a byte "
            "saves nothing below 8 bits."
        ),
        provenance=measured(source, ("packed and one a byte", "B"), ("share", "% of float32")),
        units={"packed": "B", "one a byte": "B", "of float32": "%"},
        digits={"of float32": 1},
    )
