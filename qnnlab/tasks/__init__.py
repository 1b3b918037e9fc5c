"""Tasks: data, metric and reference model behind one interface; one file a task.

A name reads `task` for the offline default and `task.dataset` for a real data set: `kws` is speech
synthesised here, `kws.speech_commands` the recordings. One's own data is `own.<name>`.
"""

from pathlib import Path
from typing import Any

from qnnlab.registry import LazyNames, plug_ins
from qnnlab.steps import shown
from qnnlab.tasks import own, own_files
from qnnlab.tasks.task import (
    PROFILES,
    SPLITS,
    Augment,
    Budget,
    Metric,
    Objective,
    Origin,
    Preview,
    Split,
    Task,
    TaskData,
)

TASKS: LazyNames[Task] = LazyNames(
    "task", lambda: {**plug_ins(__name__, "TASKS"), **own.own_tasks()}
)


def offline_tasks() -> list[str]:
    """The names of the tasks that need no download and are not one's own."""
    return [name for name in TASKS if "." not in name]


def load_task(name: str, profile: str = "quick") -> tuple[Task, TaskData]:
    """A task and its data. Raises SpecError on an unknown name, DatasetError without its data."""
    task = TASKS[name]
    with shown():
        return task, task.load(profile)


def task_from_arrays(name: str, x: Any, y: Any, **options: Any) -> Task:
    """One's own arrays as the task `own.<name>`: see `qnnlab.tasks.own.task_from_arrays`."""
    return _added(own.task_from_arrays(name, x, y, **options))


def task_from_path(path: Path | str, name: str | None = None, **options: Any) -> Task:
    """An .npz, .csv or folder as a task: see `qnnlab.tasks.own_files.task_from_path`."""
    with shown():
        return _added(own_files.task_from_path(path, name, **options))


def task_from_folder(folder: Path | str, name: str | None = None, **options: Any) -> Task:
    """A folder with a sub-folder a class: see `qnnlab.tasks.own_files.task_from_folder`."""
    with shown():
        return _added(own_files.task_from_folder(folder, name, **options))


def _added(task: Task) -> Task:
    TASKS.add(task.name, task)
    return task


__all__ = [
    "PROFILES",
    "SPLITS",
    "TASKS",
    "Augment",
    "Budget",
    "Metric",
    "Objective",
    "Origin",
    "Preview",
    "Split",
    "Task",
    "TaskData",
    "load_task",
    "offline_tasks",
    "task_from_arrays",
    "task_from_folder",
    "task_from_path",
]
