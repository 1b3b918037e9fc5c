"""What came out, as a table to read, a CSV and a JSON file."""

from __future__ import annotations

import csv
import io
import json
import platform
from collections.abc import Mapping, Sequence
from dataclasses import asdict, dataclass, field
from datetime import datetime, timezone
from importlib import metadata
from pathlib import Path
from statistics import mean, stdev
from typing import Any

from contenders import CONTENDERS
from contenders.contender import Width
from protocol import Timing, Trial

from qnnlab.files import write_atomic
from qnnlab.tasks import TASKS
from qnnlab.tasks.metrics import METRIC_TITLES

YARDSTICK = ("tfmot_8bit", "w8a8")
_PACKAGES = ("numpy", "tensorflow", "tf-keras", "tensorflow-model-optimization")


@dataclass(frozen=True)
class Outcome:
    """All that one run of the benchmark found, filled while it runs.

    `absent` says why a contender took no part, `failed` which trials did not finish.
    """

    profile: str
    seeds: Sequence[int]
    rates: Sequence[float]
    versions: Mapping[str, str]
    absent: Mapping[str, str]
    trials: list[Trial] = field(default_factory=list)
    timings: list[Timing] = field(default_factory=list)
    failed: list[str] = field(default_factory=list)

    def rows(self) -> list[dict[str, Any]]:
        """One row a task, width and contender; scores over the seeds, in percent."""
        cells: dict[tuple[str, str, str], list[Trial]] = {}
        names = list(CONTENDERS)
        for trial in sorted(
            self.trials,
            key=lambda t: (t.task, _width_order(t.width), names.index(t.contender), t.seed),
        ):
            cells.setdefault((trial.task, trial.width, trial.contender), []).append(trial)
        return [self._row(*cell, trials) for cell, trials in cells.items()]

    def _row(self, task: str, width: str, contender: str, trials: list[Trial]) -> dict[str, Any]:
        scores = [trial.test_pct for trial in trials]
        times = {(t.task, t.contender, t.width): t.median_s for t in self.timings}
        seconds = times.get((task, contender, width))
        yardstick = times.get((task, *YARDSTICK))
        return {
            "task": task,
            "metric": TASKS[task].metric,
            "width": width,
            "contender": contender,
            "seeds": len(trials),
            "float_mean_pct": mean(trial.float_test_pct for trial in trials),
            "test_mean_pct": mean(scores),
            "test_deviation_pct": stdev(scores) if len(scores) > 1 else None,
            "test_min_pct": min(scores),
            "test_max_pct": max(scores),
            "val_mean_pct": mean(trial.val_pct for trial in trials),
            "learning_rates": " ".join(f"{trial.learning_rate:g}" for trial in trials),
            "epoch_s": seconds,
            "epoch_ratio": seconds / yardstick if seconds and yardstick else None,
        }


def _width_order(width: str) -> tuple[int, int]:
    bits = Width.parse(width)
    return -bits.weights - bits.activations, -bits.weights


def text(outcome: Outcome) -> str:
    """The table and, under it, what one must know to compare its rows."""
    from tabulate import tabulate

    rows = [
        [
            row["task"],
            row["width"],
            CONTENDERS[row["contender"]].title,
            _score(row),
            f"{row['float_mean_pct']:.1f}",
            row["learning_rates"],
            "" if row["epoch_s"] is None else f"{row['epoch_s']:.2f}",
            "" if row["epoch_ratio"] is None else f"{row['epoch_ratio']:.2f}",
        ]
        for row in outcome.rows()
    ]
    heads = ["task", "width", "contender", "test, %", "float, %", "learning rate", "s/epoch"]
    table = tabulate(rows, [*heads, "× tfmot 8-bit"], disable_numparse=True)
    return f"{table}\n\n" + "\n".join(f"- {note}" for note in notes(outcome)) + "\n"


def _score(row: Mapping[str, Any]) -> str:
    if row["test_deviation_pct"] is None:
        return f"{row['test_mean_pct']:.1f}"
    return f"{row['test_mean_pct']:.1f} ± {row['test_deviation_pct']:.1f}"


def notes(outcome: Outcome) -> list[str]:
    """What was measured, how each contender was set up, and who is absent."""
    metrics = {name: METRIC_TITLES[TASKS[name].metric] for name in _tasks(outcome)}
    lines = [
        "test: "
        + ", ".join(f"{metric} of {name}" for name, metric in metrics.items())
        + f", mean ± deviation over seeds {', '.join(map(str, outcome.seeds))}; "
        "answers of the fake-quantized model in floats",
        f"learning rate: of {', '.join(f'{rate:g}' for rate in outcome.rates)} the best on the "
        "validation split, chosen for each contender, width and seed",
        "s/epoch: training and validation, median of epochs after a warm-up epoch, one core, "
        "contenders in turn in one process",
    ]
    for name, version in outcome.versions.items():
        contender = CONTENDERS[name]
        lines.append(f"{contender.title} {version} quantizes {contender.quantizes}")
        lines.append(f"{contender.title}: {contender.settings}")
    lines += [f"{CONTENDERS[name].title} is absent: {why}" for name, why in outcome.absent.items()]
    return [*lines, *outcome.failed]


def _tasks(outcome: Outcome) -> list[str]:
    return list(dict.fromkeys(trial.task for trial in outcome.trials))


def write(outcome: Outcome, folder: Path) -> None:
    """Write qat_peers.csv, .json and .txt below `folder`, each whole or not at all."""
    rows = outcome.rows()
    table = io.StringIO()
    writer = csv.DictWriter(table, list(rows[0]) if rows else ["task"], lineterminator="\n")
    writer.writeheader()
    writer.writerows(rows)
    found = {
        "written": datetime.now(timezone.utc).isoformat(timespec="seconds"),
        "machine": f"{platform.system()} {platform.machine()}, Python {platform.python_version()}",
        "packages": {name: metadata.version(name) for name in _PACKAGES},
        **asdict(outcome),
        "notes": notes(outcome),
        "rows": rows,
    }
    write_atomic(folder / "qat_peers.csv", table.getvalue())
    write_atomic(folder / "qat_peers.json", json.dumps(found, indent=1, ensure_ascii=False) + "\n")
    write_atomic(folder / "qat_peers.txt", text(outcome))
