"""Image classification, MLPerf Tiny's: ten classes of 32×32 colour pictures for a ResNet-8."""

from __future__ import annotations

from functools import partial
from typing import Any

import numpy as np
from numpy.typing import NDArray

from qnnlab.tasks.architectures import resnet8
from qnnlab.tasks.downloads import fingerprint
from qnnlab.tasks.previews import one_a_class
from qnnlab.tasks.storage import dataset_folder, generated
from qnnlab.tasks.task import SPLITS, Budget, Preview, Split, Task, TaskData

_SHAPE = (32, 32, 3)
_LABELS = (
    "airplane",
    "automobile",
    "bird",
    "cat",
    "deer",
    "dog",
    "frog",
    "horse",
    "ship",
    "truck",
)
_MLPERF_MODEL = "pretrainedResnet_quant.tflite"
_MLPERF_TARGET = 85.0
_SIZES = {
    "smoke": {"train": 300, "val": 80, "test": 120},
    "quick": {"train": 4000, "val": 400, "test": 1000},
    "full": {"train": 20_000, "val": 1000, "test": 1000},
}
_SYNTHETIC = "qnnlab.tasks.synthetic"

Floats = NDArray[np.float32]


def _data(splits: dict[str, Split]) -> TaskData:
    """Pictures of bytes as float32 in 0 to 1."""
    train, val, test = (
        Split(np.divide(split.x, np.float32(255), dtype=np.float32), split.y, split.groups)
        for split in (splits[name] for name in SPLITS)
    )
    return TaskData.of(train, val, test)


def load_drawn(profile: str) -> TaskData:
    """Drawn pictures. A larger profile's splits begin with the smaller one's."""
    sizes = _SIZES[profile]

    def make() -> dict[str, Split]:
        from qnnlab.tasks.synthetic.drawings import draw

        return {split: draw(split, sizes[split]) for split in SPLITS}

    return _data(
        generated(
            "ic",
            make,
            modules=(f"{_SYNTHETIC}.drawings", f"{_SYNTHETIC}.textures"),
            libraries=("numpy", "pillow", "scikit-learn"),
            sizes=sizes,
        )
    )


def load_cifar10(profile: str) -> TaskData:
    """CIFAR-10, or fixed parts of it in which all classes are equally many."""
    from qnnlab.tasks.readers.cifar10 import read

    return _data(read(dataset_folder("cifar10"), profile))


def _moved(x: Floats, rng: np.random.Generator, reach: int) -> Floats:
    """Each picture mirrored or not and moved by up to `reach` pixels, its edges repeated."""
    count, height, width = x.shape[:3]
    mirrored = np.where(rng.random((count, 1, 1, 1)) < 0.5, x[:, :, ::-1], x)
    dy, dx = rng.integers(-reach, reach + 1, (2, count, 1))
    rows = np.clip(np.arange(height) + dy, 0, height - 1)[:, :, np.newaxis]
    columns = np.clip(np.arange(width) + dx, 0, width - 1)[:, np.newaxis]
    moved: Floats = mirrored[np.arange(count)[:, np.newaxis, np.newaxis], rows, columns]
    return moved


def augment_drawn(x: Floats, rng: np.random.Generator) -> Floats:
    """Mirrored, moved by up to 2 pixels, lighter or darker, of more or less contrast."""
    gain, bias = rng.uniform(-0.15, 0.15, (2, len(x), 1, 1, 1)).astype(np.float32)
    lit: Floats = np.clip((_moved(x, rng, 2) - 0.5) * (1 + gain) + 0.5 + bias, 0, 1)
    return lit


def augment_cifar10(x: Floats, rng: np.random.Generator) -> Floats:
    """Mirrored and moved by up to 4 pixels, as is usual for CIFAR-10."""
    return _moved(x, rng, 4)


def build() -> Any:
    """MLPerf Tiny's ResNet-8."""
    return resnet8(_SHAPE, len(_LABELS))


def preview_drawn() -> Preview:
    """Two training pictures a class."""
    return one_a_class(load_drawn("smoke"), _LABELS, "image", each=2)


def preview_cifar10() -> Preview:
    """Two training pictures a class."""
    return one_a_class(load_cifar10("smoke"), _LABELS, "image", each=2)


TASKS = (
    Task(
        name="ic",
        title="Image classification: drawn pictures of CIFAR-10's classes",
        origin="synthetic",
        metric="accuracy",
        labels=_LABELS,
        input_shape=_SHAPE,
        x_unit="colour from 0 to 1 (RGB)",
        source="drawn by qnnlab; surfaces from scikit-learn's sample photographs china and flower",
        licence="Apache-2.0; photographs: CC BY 2.0 (danielbuechele, vultilion on Flickr)",
        load=load_drawn,
        build=build,
        augment=augment_drawn,
        preview=preview_drawn,
        mlperf_model=_MLPERF_MODEL,
        target=_MLPERF_TARGET,
        budgets={
            "smoke": Budget(epochs=4, finetune_epochs=2),
            "quick": Budget(epochs=11, finetune_epochs=5),
            "full": Budget(epochs=60, finetune_epochs=20),
        },
    ),
    Task(
        name="ic.cifar10",
        title="Image classification: CIFAR-10",
        origin="real",
        metric="accuracy",
        labels=_LABELS,
        input_shape=_SHAPE,
        x_unit="colour from 0 to 1 (RGB)",
        source="CIFAR-10 (Krizhevsky 2009, Learning Multiple Layers of Features from Tiny Images)",
        licence="none stated: citation is asked for",
        load=load_cifar10,
        build=build,
        augment=augment_cifar10,
        preview=preview_cifar10,
        dataset="cifar10",
        fingerprint=partial(fingerprint, "cifar10"),
        mlperf_model=_MLPERF_MODEL,
        target=_MLPERF_TARGET,
        budgets={
            "smoke": Budget(epochs=4, finetune_epochs=2),
            "quick": Budget(epochs=10, finetune_epochs=4),
            "full": Budget(150, 30, learning_rate=1e-3, finetune_learning_rate=3e-4),
        },
    ),
)
