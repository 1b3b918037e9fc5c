"""What a task's data looks and sounds like: picture grids, traces, audio players."""

from __future__ import annotations

import base64
import io
import wave
from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any

import numpy as np
from numpy.typing import NDArray

from qnnlab.report.exhibits import (
    Figure,
    Provenance,
    caption_html,
    check_exhibit,
    exhibit_html,
    figure,
    provenance_line,
)
from qnnlab.report.formatting import escape
from qnnlab.report.style import use_style
from qnnlab.tasks import Preview, Task

_COLUMNS = {"image": 10, "audio": 4, "trace": 3}
_CELL_INCHES = {"image": (0.9, 1.05), "audio": (2.3, 1.5), "trace": (3.0, 1.7)}


@dataclass(frozen=True, repr=False)
class Players:
    """Waveforms to listen to, one player each, below their caption.

    Raises ReportError where caption or provenance is missing.
    """

    preview: Preview
    caption: str
    provenance: Sequence[Provenance]

    def __post_init__(self) -> None:
        check_exhibit("sound", self.caption, self.provenance)

    def _repr_html_(self) -> str:
        players = "".join(
            f'<div class="player"><span>{escape(label)}</span><audio controls preload="none" '
            f'src="data:audio/wav;base64,{_wav_text(sample, self.preview.rate_hz)}"></audio></div>'
            for sample, label in zip(self.preview.samples, self.preview.labels, strict=True)
        )
        body = f'<div class="players">{players}</div>'
        return exhibit_html(caption_html(self.caption, self.provenance), body)

    def _repr_mimebundle_(self, include: Any = None, exclude: Any = None) -> dict[str, str]:
        return {"text/html": self._repr_html_(), "text/plain": repr(self)}

    def __repr__(self) -> str:
        labels = ", ".join(self.preview.labels)
        return f"[sounds: {labels}]\n{self.caption}\n{provenance_line(self.provenance)}"


def _wav_text(sample: NDArray[np.float32], rate_hz: float | None) -> str:
    """A waveform in −1 to 1 as a base64 WAV file of 16 bits."""
    stream = io.BytesIO()
    with wave.open(stream, "wb") as out:
        out.setnchannels(1)
        out.setsampwidth(2)
        out.setframerate(round(rate_hz or 16_000))
        codes = np.rint(np.clip(sample, -1, 1) * 32767).astype("<i2")
        out.writeframes(codes.tobytes())
    return base64.b64encode(stream.getvalue()).decode()


def data_provenance(task: Task, quantity: str = "samples", unit: str = "") -> Provenance:
    """Where a task's data is from, and whether it is real or synthetic."""
    return Provenance(quantity, unit, "measured", f"{task.origin} data: {task.source}")


def players(task: Task) -> Players:
    """The task's preview to listen to; for tasks whose preview is sound."""
    caption = f"{task.title}: what it sounds like."
    return Players(task.preview(), caption, [data_provenance(task, "waveforms")])


def preview_figure(task: Task) -> Figure:
    """The task's preview to look at: pictures, traces, or the spectrograms of its sounds."""
    from matplotlib import pyplot as plt

    preview = task.preview()
    count = len(preview.samples)
    columns = min(count, _COLUMNS[preview.kind])
    rows = -(-count // columns)
    width, height = _CELL_INCHES[preview.kind]
    draw = {"image": _draw_image, "audio": _draw_spectrogram, "trace": _draw_trace}[preview.kind]
    with use_style():
        fig, axes = plt.subplots(
            rows, columns, figsize=(width * columns, height * rows + 0.4), squeeze=False
        )
        for cell in axes.flat[count:]:
            cell.set_axis_off()
        for cell, sample, label in zip(axes.flat, preview.samples, preview.labels, strict=False):
            draw(cell, sample, preview)
            cell.set_title(label, fontsize=8, fontweight="normal")
        if preview.kind == "trace" and preview.channels:
            handles, labels = axes.flat[0].get_legend_handles_labels()
            fig.legend(handles, labels, loc="outside lower center", ncols=min(len(labels), 5))
        what = {"image": "pictures", "audio": "spectrograms", "trace": "signals"}[preview.kind]
        return figure(
            fig,
            caption=f"{task.title}: {what}, titled by what they are.",
            provenance=[data_provenance(task, what, preview.unit)],
            alt=f"{count} {what} of task {task.name}, one or more a class",
        )


def _draw_image(axes: Any, sample: NDArray[np.float32], _: Preview) -> None:
    grey = sample.shape[-1] == 1
    axes.imshow(sample.squeeze(-1) if grey else sample, cmap="gray", vmin=0, vmax=1)
    axes.set_axis_off()


def _draw_spectrogram(axes: Any, sample: NDArray[np.float32], preview: Preview) -> None:
    rate = preview.rate_hz or 16_000.0
    # A silent stretch has no logarithm; a floor far below any sound stands for it.
    axes.specgram(sample + 1e-7, NFFT=256, Fs=rate, noverlap=128, cmap="magma", vmin=-120)
    axes.grid(visible=False)
    axes.set_xlabel("s", fontsize=7, labelpad=0)
    axes.set_ylabel("Hz", fontsize=7, labelpad=0)
    axes.tick_params(labelsize=6)


def _draw_trace(axes: Any, sample: NDArray[np.float32], preview: Preview) -> None:
    time = np.arange(len(sample)) / (preview.rate_hz or 1.0)
    for channel in range(sample.shape[1]):
        name = preview.channels[channel] if preview.channels else f"channel {channel}"
        axes.plot(time, sample[:, channel], linewidth=0.9, label=name)
    axes.set_xlabel("s" if preview.rate_hz else "samples", fontsize=7, labelpad=0)
    axes.set_ylabel(preview.unit, fontsize=7, labelpad=0)
    axes.tick_params(labelsize=6)
