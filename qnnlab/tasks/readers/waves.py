"""Recordings: the one form of WAV that every sound task takes."""

from __future__ import annotations

import wave
from pathlib import Path

import numpy as np
from numpy.typing import NDArray

from qnnlab.errors import DatasetError
from qnnlab.tasks.front_ends import RATE_HZ


def read_wave(
    path: Path, advice: str, start: int = 0, count: int | None = None
) -> NDArray[np.float32]:
    """Samples in -1 to 1 of a 16-bit mono recording at 16 kHz, from sample `start` on.

    `count` of them or as many as there are, all without a count. Raises DatasetError, which ends
    with the `advice`, on another format and on a file that ends before its header says.
    """
    try:
        with wave.open(str(path), "rb") as stream:
            channels, width, rate, length = stream.getparams()[:4]
            stream.setpos(start)
            wanted = length - start if count is None else min(count, length - start)
            content = stream.readframes(wanted)
    except (OSError, wave.Error, EOFError) as error:
        raise DatasetError(f"{path}: not a WAV file that can be read: {error}; {advice}") from None
    if (channels, width, rate) != (1, 2, RATE_HZ):
        raise DatasetError(
            f"{path}: {channels} channels of {8 * width} bits at {rate} Hz, "
            f"not 1 of 16 at {RATE_HZ}; {advice}"
        )
    if len(content) != wanted * width:
        raise DatasetError(
            f"{path}: ends after {start * width + len(content)} of {length * width} bytes; {advice}"
        )
    return np.frombuffer(content, "<i2").astype(np.float32) / np.float32(32768.0)
