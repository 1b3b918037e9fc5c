#!/usr/bin/env python3
"""Quantization-aware training, qnnlab's beside its peers': same float model, data and budget.

examples:
  python benchmarks/qat_peers.py --profile smoke           does it run? (under a minute)
  python benchmarks/qat_peers.py                           ecg, seeds 0 to 2 (20 min, two cores)
  python benchmarks/qat_peers.py --task ecg har --jobs 8
  python benchmarks/qat_peers.py --width w2a8 --contender qnnlab_lsq qkeras --seeds 1
"""

from __future__ import annotations

import argparse
import multiprocessing
import sys
import time
from collections.abc import Sequence
from concurrent.futures import Future, ProcessPoolExecutor, as_completed
from dataclasses import dataclass
from pathlib import Path

from contenders import CONTENDERS
from contenders.contender import Absent, Width
from protocol import LEARNING_RATES, Start, Trial, run_trial, time_epochs
from tables import YARDSTICK, Outcome, text, write

from qnnlab.errors import QnnlabError, SpecError
from qnnlab.lab.runner import default_jobs
from qnnlab.tasks import PROFILES, TASKS

_OUT = Path(__file__).resolve().parents[1] / "reports" / "qat_peers"


@dataclass(frozen=True)
class _Amount:
    """How much a profile runs; `turns` is how often each contender is timed."""

    widths: tuple[str, ...]
    seeds: int
    rates: tuple[float, ...]
    turns: int


_WIDTHS = ("w8a8", "w4a8", "w4a4", "w2a8")
_AMOUNTS = {
    "smoke": _Amount(("w8a8",), 1, LEARNING_RATES[1:2], 1),
    "quick": _Amount(_WIDTHS, 3, LEARNING_RATES, 2),
    "full": _Amount(_WIDTHS, 5, LEARNING_RATES, 5),
}


def _arguments(given: Sequence[str] | None) -> argparse.Namespace:
    parser = argparse.ArgumentParser(
        description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter
    )
    add = parser.add_argument
    add("--task", nargs="+", default=["ecg"], metavar="NAME", help="default: ecg")
    add("--profile", choices=PROFILES, default="quick", help="how much training; default: quick")
    add("--width", nargs="+", type=_width, metavar="WIDTH", help="such as w8a8 w4a8 w4a4 w2a8")
    add("--contender", nargs="+", choices=CONTENDERS, default=list(CONTENDERS), metavar="NAME",
        help=f"of {', '.join(CONTENDERS)}; default: all")  # fmt: skip
    add("--seeds", type=_count, metavar="N", help="seeds 0 to N−1; default: by profile")
    add("--jobs", type=_count, default=default_jobs(), metavar="N",
        help="worker processes for the scores; default: one a core")  # fmt: skip
    add("--no-timing", action="store_true", help="leave out the seconds per epoch")
    add("--out", type=Path, default=_OUT, metavar="FOLDER",
        help="where qat_peers.txt, .csv and .json go; default: reports/qat_peers")  # fmt: skip
    arguments = parser.parse_args(given)
    tasks = [name for name in TASKS if TASKS[name].objective == "classify"]
    for name in arguments.task:
        if name not in tasks:  # an autoencoder's validation split can't choose: it is all normal
            parser.error(f"{name!r} is no task that classifies: one of {', '.join(tasks)}")
    amount = _AMOUNTS[arguments.profile]
    arguments.width = arguments.width or list(amount.widths)
    arguments.seeds = arguments.seeds or amount.seeds
    return arguments


def _width(text: str) -> str:
    try:
        return str(Width.parse(text))
    except ValueError as error:
        raise argparse.ArgumentTypeError(str(error)) from None


def _count(text: str) -> int:
    if not text.isdigit() or int(text) < 1:
        raise argparse.ArgumentTypeError(f"{text!r} is no whole number from 1")
    return int(text)


def _say(words: str) -> None:
    print(f"qat_peers: {words}", file=sys.stderr, flush=True)


def _present(names: Sequence[str]) -> tuple[dict[str, str], dict[str, str]]:
    """Versions of the contenders that can take part, and why the others can't."""
    versions, absent = {}, {}
    for name in names:
        try:
            versions[name] = CONTENDERS[name].version()
        except Absent as error:
            absent[name] = str(error)
            _say(f"{name} is absent: {error}")
    return versions, absent


def _scores(
    starts: Sequence[Start],
    pairs: Sequence[tuple[str, str]],
    jobs: int,
    rates: Sequence[float],
    found: Outcome,
) -> None:
    """Put all trials, run in worker processes, into `found`; one that fails stops no other."""
    context = multiprocessing.get_context("spawn")
    with ProcessPoolExecutor(jobs, mp_context=context) as pool:
        futures: dict[Future[Trial], str] = {
            pool.submit(run_trial, start, name, width, rates): (
                f"{start.task} {width} {name} seed {start.seed}"
            )
            for start in starts
            for name, width in pairs
        }
        began = time.monotonic()
        try:
            for number, future in enumerate(as_completed(futures), start=1):
                try:
                    found.trials.append(future.result())
                    ending = f"{found.trials[-1].test_pct:.1f} %"
                except Exception as error:  # whatever a library may raise
                    reason = (str(error).splitlines() or [""])[0]
                    ending = f"failed: {type(error).__name__}: {reason}"
                    found.failed.append(f"{futures[future]} {ending}")
                took = f"({time.monotonic() - began:.0f} s so far)"
                _say(f"[{number}/{len(futures)}] {futures[future]}: {ending} {took}")
        except KeyboardInterrupt:
            pool.shutdown(wait=False, cancel_futures=True)
            raise


def _times(
    starts: Sequence[Start], pairs: Sequence[tuple[str, str]], turns: int, found: Outcome
) -> None:
    """Put the epochs of each task's first seed into `found`, the yardstick's with them."""
    timed = list(dict.fromkeys([YARDSTICK, *pairs])) if not _present(YARDSTICK[:1])[1] else pairs
    for start in starts:
        if start.seed == 0:
            _say(f"timing {len(timed)} contenders and widths on {start.task}, {turns} times round")
            found.timings.extend(time_epochs(start, timed, turns))


def _run(arguments: argparse.Namespace) -> Outcome:
    """What was found, up to where a person stopped it. Raises QnnlabError."""
    amount = _AMOUNTS[arguments.profile]
    seeds = list(range(arguments.seeds))
    versions, absent = _present(list(dict.fromkeys(arguments.contender)))
    found = Outcome(arguments.profile, seeds, amount.rates, versions, absent)
    widths = [Width.parse(width) for width in dict.fromkeys(arguments.width)]
    pairs = [(n, str(w)) for w in widths for n in versions if CONTENDERS[n].supports(w)]
    if not pairs:
        raise SpecError("no contender is left for these widths")
    try:
        starts = [
            Start.trained(t, arguments.profile, s)
            for t in dict.fromkeys(arguments.task)
            for s in seeds
        ]
        _scores(starts, pairs, arguments.jobs, amount.rates, found)
        done = {(trial.contender, trial.width) for trial in found.trials}
        if not arguments.no_timing:
            _times(starts, [pair for pair in pairs if pair in done], amount.turns, found)
    except KeyboardInterrupt:
        found.failed.append(f"stopped by hand after {len(found.trials)} trials")
        _say(found.failed[-1])
    return found


def main(given: Sequence[str] | None = None) -> int:
    """Run the benchmark; returns the exit code: 1 where something failed or was stopped."""
    arguments = _arguments(given)
    try:
        arguments.out.mkdir(parents=True, exist_ok=True)
        found = _run(arguments)
        write(found, arguments.out)
    except (QnnlabError, OSError) as error:
        _say(str(error))
        return 1
    print(text(found))
    _say(f"written to {arguments.out}")
    return 1 if found.failed or not found.trials else 0


if __name__ == "__main__":
    sys.exit(main())
