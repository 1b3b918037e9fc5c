"""Keyword spotting: ten words, silence and anything else, in one second of sound.

`kws` is speech synthesised by espeak-ng in simulated rooms, `kws.speech_commands` the recordings
of Speech Commands v0.02. Classes, their order and the front end are MLPerf Tiny's.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import asdict
from functools import partial
from typing import Any

import numpy as np
from numpy.typing import NDArray

from qnnlab.tasks.architectures import ds_cnn
from qnnlab.tasks.downloads import fingerprint
from qnnlab.tasks.front_ends import RATE_HZ
from qnnlab.tasks.readers import speech_commands
from qnnlab.tasks.storage import dataset_folder, generated
from qnnlab.tasks.synthetic.speech import LABELS, Difficulty, generate, one_clip_a_class
from qnnlab.tasks.task import Budget, Preview, Split, Task, TaskData

_FRONT_END = "qnnlab.tasks.front_ends"
_SHAPE = (49, 10, 1)
_X_UNIT = (
    "10 MFCCs (natural logarithm) of 49 frames of 30 ms every 20 ms; the clip's largest sample is 1"
)
_FRAMES_SHIFT = 3
_MICROPHONE_STD = 0.6
_SIZES: Mapping[str, Mapping[str, int]] = {
    "smoke": {"train": 360, "val": 72, "test": 120},
    "quick": {"train": 7_200, "val": 600, "test": 1_200},
    "full": {"train": 21_600, "val": 1_200, "test": 1_200},
}


def load(profile: str) -> TaskData:
    """Clips of 56 voices to train, 12 to validate and 21 to test; each class equally often."""
    knobs = Difficulty()
    kept = generated(
        "kws",
        lambda: generate(_SIZES[profile], knobs),
        modules=(_FRONT_END, "qnnlab.tasks.synthetic.espeak", "qnnlab.tasks.synthetic.speech"),
        libraries=("numpy", "scipy", "espeakng-loader"),
        sizes=dict(_SIZES[profile]),
        difficulty=asdict(knobs),
    )
    return TaskData.of(kept["train"], kept["val"], kept["test"])


def load_speech_commands(profile: str) -> TaskData:
    """Speech Commands; smoke and quick take a fixed subset, the same clips of each class."""
    folder = dataset_folder("speech_commands")
    kept = generated(
        "kws.speech_commands",
        lambda: speech_commands.read(folder, profile),
        modules=(_FRONT_END, "qnnlab.tasks.readers.speech_commands", "qnnlab.tasks.readers.waves"),
        libraries=("numpy", "scipy"),
        profile=profile,
        fingerprint=fingerprint("speech_commands"),
    )
    splits = {
        name: Split(split.x.astype(np.float32), split.y, split.groups)
        for name, split in kept.items()
    }
    return TaskData.of(splits["train"], splits["val"], splits["test"])


def build() -> Any:
    """MLPerf Tiny's DS-CNN."""
    return ds_cnn(_SHAPE, len(LABELS))


def augment(x: NDArray[np.float32], rng: np.random.Generator) -> NDArray[np.float32]:
    """Each clip up to 60 ms earlier or later, through another microphone.

    A frequency response multiplies the spectrum, so it adds the same to the cepstrum of each frame.
    """
    count, frames = x.shape[:2]
    shift = rng.integers(-_FRAMES_SHIFT, _FRAMES_SHIFT + 1, (count, 1))
    taken = np.clip(np.arange(frames) + shift, 0, frames - 1)
    offset = rng.standard_normal((count, 1, *x.shape[2:]), np.float32) * np.float32(_MICROPHONE_STD)
    moved: NDArray[np.float32] = x[np.arange(count)[:, np.newaxis], taken] + offset
    return moved


def preview() -> Preview:
    """One clip a class."""
    return Preview("audio", tuple(one_clip_a_class()), LABELS, RATE_HZ)


def preview_speech_commands() -> Preview:
    """The first training clip of each class."""
    clips = speech_commands.examples(dataset_folder("speech_commands"))
    return Preview("audio", clips, LABELS, RATE_HZ)


_KWS = partial(
    Task,
    metric="accuracy",
    labels=LABELS,
    input_shape=_SHAPE,
    x_unit=_X_UNIT,
    build=build,
    augment=augment,
    mlperf_model="kws_ref_model.tflite",
    target=90.0,
)

TASKS = (
    _KWS(
        name="kws",
        title="Keyword spotting, synthetic speech",
        origin="synthetic",
        source="generated here: espeak-ng 1.52 (espeakng-loader), simulated rooms and microphones",
        licence="generated; espeak-ng is GPL-3.0-or-later",
        load=load,
        preview=preview,
        budgets={
            "smoke": Budget(epochs=8, finetune_epochs=2),
            "quick": Budget(epochs=10, finetune_epochs=4),
            "full": Budget(epochs=24, finetune_epochs=8, patience=6),
        },
    ),
    _KWS(
        name="kws.speech_commands",
        title="Keyword spotting, Speech Commands v0.02",
        origin="real",
        source="Speech Commands v0.02 (Warden 2018, arXiv:1804.03209), classes of MLPerf Tiny",
        licence="CC BY 4.0",
        load=load_speech_commands,
        preview=preview_speech_commands,
        dataset="speech_commands",
        fingerprint=partial(fingerprint, "speech_commands"),
        budgets={
            "smoke": Budget(epochs=8, finetune_epochs=2),
            "quick": Budget(epochs=10, finetune_epochs=4),
            # MLPerf Tiny: 36 epochs in batches of 100
            "full": Budget(epochs=36, finetune_epochs=8, batch_size=100),
        },
    ),
)
