"""Tasks: data, metric and reference model behind one interface; one file a task.

A name reads `task` for the offline default and `task.dataset` for a real data set: `kws` is speech
synthesised here, `kws.speech_commands` the recordings.
"""

from qnnlab.registry import LazyNames, plug_ins
from qnnlab.steps import shown
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

TASKS: LazyNames[Task] = LazyNames("task", lambda: plug_ins(__name__, "TASKS"))


def load_task(name: str, profile: str = "quick") -> tuple[Task, TaskData]:
    """A task and its data. Raises SpecError on an unknown name, DatasetError without its data."""
    task = TASKS[name]
    with shown():
        return task, task.load(profile)


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
]
