"""From a configuration to a rendered report: runs, notebooks, pages, PDF."""

from __future__ import annotations

import json
import os
import subprocess
import sys
import time
from collections.abc import Mapping, Sequence
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass, replace
from datetime import date, datetime, timezone
from pathlib import Path
from typing import Any

import yaml

import qnnlab
from qnnlab.errors import DataError, ReportError
from qnnlab.files import read_data, remove_orphans, replacing_folder, resource
from qnnlab.lab import Record, RunStore, Sweep, sweep, values_frame
from qnnlab.lab.claims import scorecard
from qnnlab.lab.comparison import BASELINE
from qnnlab.lab.difficulty import difficulty_specs
from qnnlab.lab.provenance import code_sha256, library_versions, machine
from qnnlab.lab.study import REPEATS, metric_of, study_specs, summarise
from qnnlab.report.execute import execute_notebook
from qnnlab.report.notebooks import notebook_title, parameter_names
from qnnlab.report.pdf import build_pdf
from qnnlab.report.scorecard import claims_summary
from qnnlab.report.site import ExecutedNotebook, FailedRun, IndexContext, KeyFigure, build_site
from qnnlab.survey import TABLE_II
from qnnlab.targets import fit_platforms
from qnnlab.tasks import TASKS, offline_tasks
from qnnlab.tasks.metrics import METRIC_TITLES
from qnnlab.values import Value

NOTEBOOK_TIMEOUT_S = 3600
#: Where the report is rendered unless another folder is named.
SITE = Path("reports/site")
_PDF = "report.pdf"
_CLAIMS_PAGE = "06_claims"
_FIELDS = {"title", "lead", "task", "methods", "tasks", "notebooks"}


@dataclass(frozen=True)
class ReportConfig:
    """What a report is made of: see `reports/report.yaml`."""

    title: str
    lead: str
    task: str
    methods: str | list[str]
    tasks: str | list[str]
    notebooks: list[str]

    def task_names(self) -> list[str]:
        """The tasks whose difficulty is shown."""
        return offline_tasks() if self.tasks == "all" else list(self.tasks)


@dataclass(frozen=True)
class BuiltReport:
    """Where the report is, and the runs that failed on the way."""

    index: Path
    failed: tuple[Record, ...]


def read_config(path: Path) -> ReportConfig:
    """Read a report configuration; raises DataError on wrong fields."""
    try:
        fields = yaml.safe_load(read_data(path))
    except yaml.YAMLError as error:
        raise DataError(f"{path}: can't be read: {' '.join(str(error).split())}") from None
    if not isinstance(fields, dict) or set(fields) != _FIELDS:
        raise DataError(f"{path}: its fields must be {', '.join(sorted(_FIELDS))}")
    for name in ("methods", "tasks", "notebooks"):
        value = fields[name]
        names = isinstance(value, list) and value and all(isinstance(v, str) for v in value)
        if not names and not (name != "notebooks" and value == "all"):
            raise DataError(f"{path}: {name} must be a list of names")
    for name in ("title", "lead", "task"):
        if not isinstance(fields[name], str):
            raise DataError(f"{path}: {name} must be text")
    return ReportConfig(**fields)


def _say(text: str) -> None:
    print(text, file=sys.stderr, flush=True)


def _counts(runs: Sweep) -> str:
    return f"{runs.reused} runs reused, {runs.ran} run now, {len(runs.failed)} failed"


def _execute(
    config: ReportConfig, parameters: Mapping[str, Any], folder: Path
) -> list[ExecutedNotebook]:
    """Run the notebooks, two at a time: each has its own processes."""
    sources = [resource("notebooks") / f"{name}.ipynb" for name in config.notebooks]
    for source in sources:
        if not source.exists():
            raise ReportError(f"{source} does not exist; `qnnlab notebooks sync` writes it")

    def execute(source: Path) -> ExecutedNotebook:
        started = time.monotonic()
        target = folder / source.name
        taken = {n: parameters[n] for n in parameter_names(source) & set(parameters)}
        execute_notebook(source, target, taken, timeout_s=NOTEBOOK_TIMEOUT_S)
        _say(f"notebook {source.stem}: {time.monotonic() - started:.1f} s")
        return ExecutedNotebook(source.stem, notebook_title(target), target)

    with ThreadPoolExecutor(max_workers=2) as pool:
        return list(pool.map(execute, sources))


def _measured(label: str, name: str, value: float, source: str, decimals: int) -> KeyFigure:
    return KeyFigure(label, Value(name, value, "%", "measured", source), decimals)


def _key_figures(records: Sequence[Record]) -> list[KeyFigure]:
    """What the front page shows first; computed from the runs, left out where they lack."""
    summary = summarise(records)
    if BASELINE not in summary.index:
        return []
    metric = metric_of(records)
    title = METRIC_TITLES[metric]
    base = summary.loc[BASELINE]
    kernels = f"mean of {base['runs']} seeds, LiteRT reference kernels"
    figures = [_measured(f"float32 {title}", metric, base[metric], kernels, 1)]
    others = summary.drop(index=BASELINE).dropna(subset=["arena_bytes"])
    if others.empty:
        return figures
    best = others.sort_values([metric, "file_bytes"], ascending=[False, True]).iloc[0]
    label = f"best compressed method that TFLM runs, by {title}: {best['title']}"
    figures.append(_measured(label, metric, best[metric], kernels, 1))
    for name, source in (("file", "the two .tflite files"), ("arena", "TFLM on this machine")):
        share = 100 * best[f"{name}_bytes"] / base[f"{name}_bytes"]
        figures.append(_measured(f"its {name} against float32", name, share, source, 0))
    fits = fit_platforms(int(best["file_bytes_max"]), int(best["arena_bytes_max"]))
    fitting = Value(
        "platforms",
        sum(fit.fits is True for fit in fits),
        f"of {len(fits)}",
        "estimated",
        f"measured model and arena against the quoted sizes of {TABLE_II}",
    )
    return [*figures, KeyFigure("platforms that it fits", fitting)]


def commit() -> str:
    """The checkout's commit, marked when there are changes on top; unknown in a wheel."""
    folder = Path(qnnlab.__file__).parent
    try:
        command = ["git", "-C", str(folder), "describe", "--always", "--dirty", "--abbrev=12"]
        done = subprocess.run(command, capture_output=True, text=True, timeout=10, check=False)
    except (OSError, subprocess.TimeoutExpired):
        return "unknown"
    return done.stdout.strip() or "unknown"


def today() -> date:
    """Today in UTC, or the day that SOURCE_DATE_EPOCH names, for a repeatable build."""
    epoch = os.environ.get("SOURCE_DATE_EPOCH", "")
    when = datetime.fromtimestamp(int(epoch), timezone.utc) if epoch.isdecimal() else None
    return (when or datetime.now(timezone.utc)).date()


def _index(
    config: ReportConfig,
    profile: str,
    seed: int,
    runs: Sweep,
) -> IndexContext:
    last = seed + REPEATS[profile] - 1
    versions = ", ".join(f"{name} {version}" for name, version in library_versions().items())
    provenance = {
        "Profile": profile,
        "Task": f"{config.task} ({TASKS[config.task].origin} data)",
        "Seeds": f"{seed}" if last == seed else f"{seed} to {last}",
        "Runs": _counts(runs),
        "Libraries": versions,
        "Code": f"sha256 {code_sha256()[:16]}…",
        "Machine": ", ".join(machine().values()),
    }
    return IndexContext(
        title=config.title,
        lead=config.lead,
        version=qnnlab.__version__,
        commit=commit(),
        profile=profile,
        date=today(),
        key_figures=_key_figures([r for r in runs.records if r.spec.task == config.task]),
        provenance=provenance,
        failures=[FailedRun(str(r.spec), r.reason or "") for r in runs.failed],
        claims=claims_summary(scorecard(runs.records, profile), _CLAIMS_PAGE),
    )


def _write_downloads(records: Sequence[Record], folder: Path) -> list[tuple[str, str]]:
    documents = [json.loads(record.to_json()) for record in records]
    (folder / "records.json").write_text(json.dumps(documents, indent=1), encoding="utf-8")
    values_frame(records).to_csv(folder / "records.csv", index=False)
    return [
        ("every figure with unit, kind and source (CSV)", "records.csv"),
        ("every record with its provenance (JSON)", "records.json"),
    ]


def _render(config: ReportConfig, profile: str, seed: int, runs: Sweep, folder: Path) -> None:
    """Write everything of the report into `folder`."""
    (folder / "notebooks").mkdir()
    parameters = {
        "task": config.task,
        "methods": config.methods,
        "tasks": config.task_names(),
        "seed": seed,
        "profile": profile,
    }
    pages = _execute(config, parameters, folder / "notebooks")
    started = time.monotonic()
    downloads = _write_downloads(runs.records, folder)
    downloads += [(f"{p.title}: executed notebook", f"notebooks/{p.path.name}") for p in pages]
    index = _index(config, profile, seed, runs)
    build_pdf(pages, index, folder / _PDF)
    downloads.insert(0, ("this report (PDF)", _PDF))
    build_site(pages, replace(index, downloads=downloads), folder)
    _say(f"pages and PDF: {time.monotonic() - started:.1f} s")


def build_report(
    *,
    profile: str = "quick",
    seed: int = 0,
    jobs: int | None = None,
    out: Path = SITE,
    config: Path | None = None,
) -> BuiltReport:
    """Run what is missing, execute the notebooks and render the site and the PDF into `out`.

    `out` is replaced as a whole when all of it is done. Raises ReportError, DataError, SpecError
    or StoreError; finished runs stay in the store.
    """
    settings = read_config(config or resource("reports/report.yaml"))
    specs = study_specs(settings.task, settings.methods, seed, profile)
    ladder = difficulty_specs(settings.task_names(), seed, profile)
    store = RunStore()
    runs = sweep(dict.fromkeys([*specs, *ladder]), store, jobs=jobs)
    _say(_counts(runs))
    os.environ["QNNLAB_RUNS"] = str(store.root)  # the notebooks' kernels read the same store
    out = out.absolute()
    remove_orphans(out.parent)
    try:
        with replacing_folder(out) as folder:
            _render(settings, profile, seed, runs, folder)
    except OSError as error:
        raise ReportError(f"{out}: can't be written: {error.strerror or error}") from None
    return BuiltReport(out / "index.html", runs.failed)
