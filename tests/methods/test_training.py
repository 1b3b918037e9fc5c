"""The one training loop: repeatable, augmented, stopped in time, deaf to the test split."""

from __future__ import annotations

from dataclasses import replace
from typing import Any

import numpy as np
import pytest

from qnnlab import backend, steps
from qnnlab.methods import Job
from qnnlab.methods.training import fit, steps_per_epoch
from qnnlab.tasks import Budget, Split, TaskData
from qnnlab.tasks.architectures import autoencoder, mlp

pytestmark = pytest.mark.slow

RNG = np.random.default_rng(0)


def blobs(samples: int) -> Split:
    y = np.arange(samples, dtype=np.int64) % 2
    return Split((RNG.standard_normal((samples, 6)) + 2 * y[:, None]).astype(np.float32), y)


DATA = TaskData.of(blobs(90), blobs(40), blobs(40))


def job(**changes: Any) -> Job:
    backend.fresh_session(3)
    plain = Job(mlp((6,), 2), DATA, Budget(epochs=4, finetune_epochs=1), seed=3)
    return replace(plain, **changes)


def trained(work: Job, **options: Any) -> tuple[dict[str, list[float]], list[Any]]:
    history = fit(work.model, work, work.budget.epochs, 1e-2, **options)
    return history, work.model.get_weights()


def test_same_seed_same_weights_and_other_seed_other_ones() -> None:
    (first, weights), (second, again) = trained(job()), trained(job())
    assert first == second
    assert all(np.array_equal(a, b) for a, b in zip(weights, again, strict=True))
    _, other = trained(job(seed=4))
    assert any(not np.array_equal(a, b) for a, b in zip(weights, other, strict=True))


def test_curves_have_one_number_an_epoch_and_it_learns() -> None:
    history, _ = trained(job())
    assert set(history) == {"loss", "accuracy", "val_loss", "val_accuracy"}
    assert {len(curve) for curve in history.values()} == {4}
    assert history["val_accuracy"][-1] > 0.9


def test_every_batch_passes_through_the_augmentation() -> None:
    seen: list[int] = []

    def augment(x: np.ndarray, rng: np.random.Generator) -> np.ndarray:
        seen.append(len(x))
        return x

    work = job(augment=augment)
    trained(work)
    assert steps_per_epoch(work) == 3
    # Keras asks for a first batch once more to learn its shape.
    assert sum(seen) >= 4 * 90
    assert set(seen) == {32, 26}


def test_training_stops_early_and_keeps_the_best_weights() -> None:
    noise = Split(DATA.val.x, RNG.integers(0, 2, 40))
    work = job(data=replace(DATA, val=noise), budget=Budget(epochs=40, finetune_epochs=1))
    history, _ = trained(work, patience=2)
    curve = history["val_loss"]
    assert len(curve) == int(np.argmin(curve)) + 1 + 2 < 40
    loss = work.model.evaluate(noise.x, noise.y, batch_size=256, verbose=0)[0]
    assert loss == pytest.approx(min(curve), rel=1e-5)


def test_an_autoencoder_learns_its_own_input() -> None:
    backend.fresh_session(3)
    normal = Split(DATA.train.x, np.zeros(90, np.int64))
    data = TaskData.of(normal, normal, normal)
    work = Job(autoencoder((6,)), data, Budget(30, 1), 3, objective="reconstruct")
    history, _ = trained(work)
    assert set(history) == {"loss", "val_loss"}
    assert history["val_loss"][-1] < 0.5 * history["val_loss"][0]


def test_the_test_split_is_never_looked_at() -> None:
    poisoned = Split(np.full_like(DATA.test.x, np.nan), DATA.test.y)
    assert trained(job(data=replace(DATA, test=poisoned)))[0] == trained(job())[0]


def test_it_tells_how_far_it_is() -> None:
    told: list[tuple[str, float]] = []
    with steps.listening(lambda what, done: told.append((what, done))):
        trained(job())
    assert told == [("training", share) for share in (0.25, 0.5, 0.75, 1.0)]
