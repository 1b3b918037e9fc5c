"""The contract that every task keeps."""

from __future__ import annotations

import subprocess
import sys

import numpy as np
import pytest

from qnnlab.errors import DatasetError, SpecError
from qnnlab.files import resource
from qnnlab.survey import load_table
from qnnlab.tasks import PROFILES, SPLITS, TASKS, Split, TaskData, load_task, offline_tasks

OFFLINE = offline_tasks()
REAL = [name for name in TASKS if TASKS[name].dataset]


@pytest.fixture(scope="module", params=OFFLINE)
def task_name(request: pytest.FixtureRequest) -> str:
    return str(request.param)


@pytest.fixture(scope="module")
def data(task_name: str) -> TaskData:
    return load_task(task_name, "smoke")[1]


def test_the_tasks_of_the_field_are_here() -> None:
    assert set(OFFLINE) == {"ad", "digits", "ecg", "har", "ic", "kws", "vww"}
    assert {name.partition(".")[0] for name in REAL} == set(OFFLINE) - {"digits"}


def test_splits_are_typed_shaped_and_labelled(task_name: str, data: TaskData) -> None:
    task = TASKS[task_name]
    for name, split in data.splits().items():
        assert split.x.dtype == np.float32
        assert split.x.shape == (len(split), *task.input_shape)
        assert np.isfinite(split.x).all()
        assert split.y.dtype == np.int64
        assert len(split) > 0
        wanted = set(range(len(task.labels)))
        if task.objective == "reconstruct" and name != "test":
            wanted = {0}
        assert set(np.unique(split.y)) == wanted


def _rows(x: np.ndarray) -> set[bytes]:
    return {row.tobytes() for row in np.ascontiguousarray(x)}


def test_calibration_comes_from_training_and_not_from_test(data: TaskData) -> None:
    calibration = _rows(data.x_calibration)
    assert 100 <= len(data.x_calibration) <= 200
    assert calibration <= _rows(data.train.x)
    assert not calibration & _rows(data.test.x)
    assert not _rows(data.val.x) & _rows(data.test.x)
    assert not _rows(data.train.x) & _rows(data.test.x)


@pytest.mark.parametrize("name", [name for name in OFFLINE if name != "digits"])
@pytest.mark.parametrize("profile", ["smoke", pytest.param("quick", marks=pytest.mark.slow)])
def test_nobody_is_heard_or_seen_in_two_splits(name: str, profile: str) -> None:
    """Speakers, subjects, machine units, photo regions: each lies in one split."""
    held = load_task(name, profile)[1]
    groups = {}
    for split_name, split in held.splits().items():
        assert split.groups is not None
        assert split.groups.shape == split.y.shape
        groups[split_name] = set(split.groups)
    for first in SPLITS:
        for second in SPLITS:
            assert first == second or not groups[first] & groups[second]


def test_the_same_arrays_in_another_process_and_folder(
    task_name: str, data: TaskData, tmp_path_factory: pytest.TempPathFactory
) -> None:
    code = (
        "import sys; from qnnlab.tasks import load_task; "
        "print(load_task(sys.argv[1], 'smoke')[1].sha256())"
    )
    folder = tmp_path_factory.mktemp("other")
    with pytest.MonkeyPatch.context() as patch:
        patch.setenv("QNNLAB_DATA", str(folder))
        for name in ("OMP_NUM_THREADS", "OPENBLAS_NUM_THREADS"):
            patch.setenv(name, "1")
        done = subprocess.run(
            [sys.executable, "-c", code, task_name], capture_output=True, text=True, check=True
        )
    assert done.stdout.strip() == data.sha256()


@pytest.mark.parametrize("name", list(TASKS))
def test_sources_and_budgets_are_given(name: str) -> None:
    task = TASKS[name]
    assert task.name == name
    assert task.source
    assert task.licence
    assert task.x_unit
    assert set(task.budgets) == set(PROFILES)
    family, _, dataset = name.partition(".")
    assert task.origin == ("real" if dataset or name == "digits" else "synthetic")
    if dataset:
        assert task.dataset == dataset
        assert dataset in set(load_table("datasets")["dataset"])
        assert task.input_shape == TASKS[family].input_shape or family == "har"


@pytest.mark.parametrize("name", REAL)
def test_without_its_data_set_a_task_says_how_to_get_it(
    name: str, tmp_path_factory: pytest.TempPathFactory
) -> None:
    with pytest.MonkeyPatch.context() as patch:
        patch.setenv("QNNLAB_DATA", str(tmp_path_factory.mktemp("empty")))
        with pytest.raises(DatasetError, match=f"qnnlab data get {TASKS[name].dataset}"):
            TASKS[name].load("smoke")


def test_a_preview_can_be_seen_or_heard(task_name: str) -> None:
    preview = TASKS[task_name].preview()
    assert len(preview.samples) == len(preview.labels) >= 2
    for sample in preview.samples:
        assert sample.dtype == np.float32
        assert np.isfinite(sample).all()
        assert sample.ndim == {"image": 3, "audio": 1, "trace": 2}[preview.kind]
        if preview.kind != "trace":
            assert np.abs(sample).max() <= 1
    if preview.kind != "image":
        assert preview.rate_hz


def test_augmentation_keeps_shape_type_and_its_input(task_name: str, data: TaskData) -> None:
    augment = TASKS[task_name].augment
    if augment is None:
        return
    batch = data.train.x[:16].copy()
    changed = [augment(batch, np.random.default_rng(seed)) for seed in (1, 1, 2)]
    assert changed[0].shape == batch.shape
    assert changed[0].dtype == np.float32
    np.testing.assert_array_equal(batch, data.train.x[:16])
    np.testing.assert_array_equal(changed[0], changed[1])
    assert not np.array_equal(changed[0], changed[2])


@pytest.mark.slow
@pytest.mark.parametrize("name", [*OFFLINE, *(n for n in REAL if TASKS[n].mlperf_model)])
def test_reference_has_the_macs_and_weights_of_mlperf_tiny(name: str) -> None:
    from qnnlab.graph.costs import graph_costs
    from qnnlab.graph.tflite import parse_tflite
    from qnnlab.methods.convert import to_tflite

    task = TASKS[name]
    costs = graph_costs(parse_tflite(to_tflite(task.build())))
    assert costs.uncounted == ()
    if task.mlperf_model is None:
        assert name.partition(".")[0] in ("digits", "ecg", "har")
        return
    assert (resource("data/mlperf_tiny/models") / task.mlperf_model).exists()
    row = load_table("mlperf_tiny_models").set_index("file").loc[task.mlperf_model]
    assert (costs.macs_total, costs.weight_params) == (row["macs_total"], row["weight_params"])


def test_digits_split_sizes() -> None:
    _, data = load_task("digits")
    assert [len(split) for split in data.splits().values()] == [1144, 203, 450]
    assert 0.0 <= data.train.x.min() < data.train.x.max() <= 1.0


def test_unknown_task_names_the_nearest() -> None:
    with pytest.raises(SpecError, match="digits"):
        load_task("digit")


def test_calibration_takes_the_classes_in_turn() -> None:
    y = np.array([0] * 90 + [1] * 10, np.int64)
    split = Split(np.arange(100, dtype=np.float32)[:, np.newaxis], y)
    chosen = TaskData.of(split, split, split, calibration=16).x_calibration
    assert (chosen < 90).sum() == (chosen >= 90).sum() == 8
    assert len(TaskData.of(split, split, split, calibration=1000).x_calibration) == 100
