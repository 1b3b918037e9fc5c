"""Visual wake words: is there a person in the picture?"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import asdict
from functools import partial
from typing import Any

import numpy as np
from numpy.typing import NDArray

from qnnlab.tasks.architectures import mobilenet_v1
from qnnlab.tasks.downloads import fingerprint
from qnnlab.tasks.previews import one_a_class
from qnnlab.tasks.storage import dataset_folder, generated
from qnnlab.tasks.synthetic.scenes import SIZE, Difficulty, scenes
from qnnlab.tasks.task import SPLITS, Budget, Preview, Split, Task, TaskData

_LABELS = ("no person", "person")
_SHAPE = (SIZE, SIZE, 3)
_MLPERF = "vww_96_int8.tflite"
_TARGET_PCT = 80.0
_DRAWN = {"smoke": (280, 64, 120), "quick": (4000, 400, 800), "full": (8000, 400, 800)}
_SHIFT = 4  # pixels
_GENERATOR = ("figures", "scenes", "textures", "things")

Pictures = NDArray[np.float32]


def augment(x: Pictures, rng: np.random.Generator) -> Pictures:
    """Half of the pictures mirrored; each shifted, brighter or darker, flatter or crisper."""
    count = len(x)
    padded = np.pad(x, ((0, 0), (_SHIFT, _SHIFT), (_SHIFT, _SHIFT), (0, 0)), mode="edge")
    mirrored = rng.random(count) < 0.5
    places = rng.integers(0, 2 * _SHIFT + 1, (count, 2))
    changed = np.empty_like(x)
    for index, (top, left) in enumerate(places):
        view = padded[index, top : top + SIZE, left : left + SIZE]
        changed[index] = view[:, ::-1] if mirrored[index] else view
    contrast = rng.uniform(0.9, 1.1, (count, 1, 1, 1)).astype(np.float32)
    brighter = rng.uniform(-0.05, 0.05, (count, 1, 1, 1)).astype(np.float32)
    changed -= 0.5
    changed *= contrast
    changed += 0.5 + brighter
    return np.clip(changed, 0.0, 1.0, out=changed)


def _loaded(splits: Mapping[str, Split]) -> TaskData:
    """Bytes as kept, turned into float32 from 0 to 1."""
    train, val, test = (
        Split(splits[name].x / np.float32(255.0), splits[name].y, splits[name].groups)
        for name in SPLITS
    )
    return TaskData.of(train, val, test)


def load(profile: str) -> TaskData:
    """Drawn scenes; a larger profile adds to the training pictures of a smaller one."""
    difficulty = Difficulty()
    counts = dict(zip(SPLITS, _DRAWN[profile], strict=True))
    splits = generated(
        "vww",
        lambda: {split: scenes(split, count, difficulty) for split, count in counts.items()},
        modules=[
            f"qnnlab.tasks.synthetic.{name}" for name in ("figures", "scenes", "textures", "things")
        ],
        libraries=("numpy", "pillow", "scikit-learn"),
        counts=counts,
        difficulty=asdict(difficulty),
    )
    return _loaded(splits)


def load_coco2014(profile: str) -> TaskData:
    """Photos of COCO 2014, or a fixed part of them in which both classes are equally many."""
    from qnnlab.tasks.readers.coco2014 import read

    return _loaded(read(dataset_folder("coco2014"), profile))


def build() -> Any:
    """MobileNetV1 0.25 at 96×96, MLPerf Tiny's."""
    return mobilenet_v1(_SHAPE, len(_LABELS))


def preview() -> Preview:
    """Eight training pictures of either class."""
    return one_a_class(load("smoke"), _LABELS, "image", each=8)


def preview_coco2014() -> Preview:
    """Eight training photos of either class."""
    return one_a_class(load_coco2014("smoke"), _LABELS, "image", each=8)


TASKS = (
    Task(
        name="vww",
        title="Visual wake words, drawn scenes",
        origin="synthetic",
        metric="accuracy",
        labels=_LABELS,
        input_shape=_SHAPE,
        x_unit="red, green and blue from 0 to 1",
        source=(
            "scenes drawn by qnnlab; one place in five is part of a sample photograph of "
            "scikit-learn (china.jpg by danielbuechele, flower.jpg by vultilion, CC BY 2.0)"
        ),
        licence="Apache-2.0; photographs CC BY 2.0",
        load=load,
        build=build,
        augment=augment,
        preview=preview,
        budgets={
            "smoke": Budget(epochs=4, finetune_epochs=2),
            "quick": Budget(epochs=7, finetune_epochs=3, learning_rate=5e-3),
            "full": Budget(epochs=40, finetune_epochs=10),
        },
        mlperf_model=_MLPERF,
        target=_TARGET_PCT,
    ),
    Task(
        name="vww.coco2014",
        title="Visual wake words, photos of COCO 2014",
        origin="real",
        metric="accuracy",
        labels=_LABELS,
        input_shape=_SHAPE,
        x_unit="red, green and blue from 0 to 1",
        source="COCO 2014 (arXiv:1405.0312) at 96×96, as MLPerf Tiny trains on it",
        licence="annotations CC BY 4.0; each photo has its own Flickr licence",
        load=load_coco2014,
        build=build,
        augment=augment,
        preview=preview_coco2014,
        budgets={
            "smoke": Budget(epochs=4, finetune_epochs=2),
            "quick": Budget(epochs=12, finetune_epochs=4),
            "full": Budget(epochs=50, finetune_epochs=10, patience=15),
        },
        dataset="coco2014",
        fingerprint=partial(fingerprint, "coco2014"),
        mlperf_model=_MLPERF,
        target=_TARGET_PCT,
    ),
)
