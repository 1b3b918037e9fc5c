"""Anomaly detection in machine sound: an autoencoder that has only ever heard healthy machines."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import asdict, replace
from functools import partial
from typing import Any

import numpy as np
from numpy.typing import NDArray

from qnnlab.tasks.architectures import autoencoder
from qnnlab.tasks.downloads import fingerprint
from qnnlab.tasks.front_ends import RATE_HZ
from qnnlab.tasks.readers import toycar
from qnnlab.tasks.storage import dataset_folder, generated
from qnnlab.tasks.synthetic.machines import FAULTS, Difficulty, Sizes, recording, split, unit
from qnnlab.tasks.task import Budget, Preview, Split, Task, TaskData

_LABELS = ("normal", "anomalous")
_SHAPE = (640,)  # 5 frames of 128 bands
_OFFSET_DB, _SCALE_DB = 25.0, 20.0
_X_UNIT = "(L + 25) / 20 of log-mel levels L in dB, 5 frames of 128 bands"
_MLPERF = "ad01_int8.tflite"
_TARGET_PCT = 85.0
_SHIFT_DB = 2.0
_PREVIEW_SEED, _PREVIEW_UNIT, _PREVIEW_S = 20250820, 3000, 4.0

# Unit numbers of the splits lie apart, so no unit is in two of them.
_VAL = Sizes(first_unit=1000, units=8, recordings=4, seconds=4.0, hop=4)
_TEST = Sizes(first_unit=2000, units=16, recordings=12, seconds=4.0, hop=4, anomalous=True)
_SIZES: Mapping[str, Mapping[str, Sizes]] = {
    "smoke": {
        "train": Sizes(first_unit=0, units=96, recordings=1, seconds=2.0, hop=4),
        "val": replace(_VAL, units=4, recordings=2, seconds=2.0),
        "test": replace(_TEST, units=3, seconds=2.0),
    },
    "quick": {
        "train": Sizes(first_unit=0, units=160, recordings=2, seconds=4.0, hop=2),
        "val": _VAL,
        "test": _TEST,
    },
    "full": {
        "train": Sizes(first_unit=0, units=320, recordings=3, seconds=10.0, hop=4),
        "val": _VAL,
        "test": _TEST,
    },
}


def augment(x: NDArray[np.float32], rng: np.random.Generator) -> NDArray[np.float32]:
    """Each window up to 2 dB louder or softer."""
    most = _SHIFT_DB / _SCALE_DB
    return x + rng.uniform(-most, most, (len(x), 1)).astype(np.float32)


def _loaded(kept: Mapping[str, Split]) -> TaskData:
    """Levels in dB, as kept in half precision, turned into what the network takes."""

    def scaled(name: str) -> Split:
        one = kept[name]
        x = one.x.astype(np.float32)
        x += _OFFSET_DB
        x /= _SCALE_DB
        return Split(x, one.y, one.groups, one.clips)

    return TaskData.of(scaled("train"), scaled("val"), scaled("test"))


def load(profile: str) -> TaskData:
    """Simulated drives; training and validation hold healthy ones only, test both halves."""
    difficulty, sizes = Difficulty(), _SIZES[profile]
    return _loaded(
        generated(
            "ad",
            lambda: {name: split(name, size, difficulty) for name, size in sizes.items()},
            modules=("qnnlab.tasks.synthetic.machines", "qnnlab.tasks.front_ends"),
            libraries=("numpy", "scipy"),
            sizes={name: asdict(size) for name, size in sizes.items()},
            difficulty=asdict(difficulty),
        )
    )


def load_toycar(profile: str) -> TaskData:
    """ToyCar of DCASE 2020 task 2; smoke and quick take a fixed subset."""
    folder = dataset_folder("toycar")
    return _loaded(
        generated(
            "ad.toycar",
            lambda: toycar.read(folder, profile),
            modules=(
                "qnnlab.tasks.readers.toycar",
                "qnnlab.tasks.readers.waves",
                "qnnlab.tasks.front_ends",
            ),
            libraries=("numpy", "scipy"),
            profile=profile,
            fingerprint=fingerprint("toycar"),
        )
    )


def build() -> Any:
    """The autoencoder of MLPerf Tiny."""
    return autoencoder(_SHAPE)


def preview() -> Preview:
    """Two healthy units, then each fault at the strongest that the task holds."""
    difficulty = replace(Difficulty(), gain_db=(-20.0, -20.0))
    strongest = difficulty.severity_db[1]
    samples = []
    for number, fault in enumerate((None, None, *FAULTS)):
        machine = unit(_PREVIEW_UNIT + number % 2, difficulty)
        rng = np.random.default_rng([_PREVIEW_SEED, number])
        samples.append(recording(machine, _PREVIEW_S, rng, difficulty, fault, strongest))
    faults = tuple(f"anomalous: {fault.replace('_', ' ')}" for fault in FAULTS)
    labels = ("normal, unit 1", "normal, unit 2", *faults)
    return Preview("audio", tuple(samples), labels, float(RATE_HZ))


def preview_toycar() -> Preview:
    """A normal and an anomalous test recording of each unit."""
    samples, labels = toycar.examples(dataset_folder("toycar"))
    return Preview("audio", samples, labels, float(RATE_HZ))


TASKS = (
    Task(
        name="ad",
        title="Anomaly detection, simulated gear drives",
        origin="synthetic",
        metric="auc",
        objective="reconstruct",
        labels=_LABELS,
        input_shape=_SHAPE,
        x_unit=_X_UNIT,
        source="sound of gear drives, healthy and faulty, simulated by qnnlab",
        licence="Apache-2.0",
        load=load,
        build=build,
        augment=augment,
        preview=preview,
        budgets={
            "smoke": Budget(epochs=30, finetune_epochs=4, batch_size=64),
            "quick": Budget(epochs=40, finetune_epochs=10, batch_size=256),
            "full": Budget(epochs=100, finetune_epochs=20, batch_size=512),
        },
        mlperf_model=_MLPERF,
        target=_TARGET_PCT,
    ),
    Task(
        name="ad.toycar",
        title="Anomaly detection, ToyCar (DCASE 2020)",
        origin="real",
        metric="auc",
        objective="reconstruct",
        labels=_LABELS,
        input_shape=_SHAPE,
        x_unit=_X_UNIT,
        source="DCASE 2020 task 2 development set, ToyCar (Koizumi et al. 2020), Zenodo 3678171",
        licence="CC BY-NC-SA 4.0",
        load=load_toycar,
        build=build,
        augment=augment,
        preview=preview_toycar,
        budgets={
            "smoke": Budget(epochs=30, finetune_epochs=4, batch_size=64),
            "quick": Budget(epochs=40, finetune_epochs=10, batch_size=256),
            "full": Budget(epochs=100, finetune_epochs=20, batch_size=512),
        },
        dataset="toycar",
        fingerprint=partial(fingerprint, "toycar"),
        mlperf_model=_MLPERF,
        target=_TARGET_PCT,
    ),
)
