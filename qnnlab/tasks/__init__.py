"""Tasks: data, metric and reference model behind one interface; one file a task."""

from qnnlab.registry import LazyNames, plug_ins
from qnnlab.tasks.task import Budget, Origin, Task, TaskData

TASKS: LazyNames[Task] = LazyNames("task", lambda: plug_ins(__name__, "TASK"))


def load_task(name: str) -> tuple[Task, TaskData]:
    """A task and its data. Raises SpecError on an unknown name."""
    task = TASKS[name]
    return task, task.load()


__all__ = ["TASKS", "Budget", "Origin", "Task", "TaskData", "load_task"]
