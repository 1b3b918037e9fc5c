"""The child process of `timing`: frameworks take turns on one sample of one model.

Started as `python -m qnnlab.lab.frameworks.timing_child FOLDER`; reads request.json and for each
framework N.artifact and N.npy there, leaves result.json: the median seconds of one inference.
"""

from __future__ import annotations

import json
import sys
import time
from pathlib import Path
from statistics import median

import numpy as np

from qnnlab.lab.frameworks.framework import Invoke
from qnnlab.lab.frameworks.registered import FRAMEWORKS

# A round of one framework lasts at least about so long, so that the clock's step is small in it.
_ROUND_S = 0.004
_MOST = 200


def main(folder: Path) -> None:
    """Open all, warm up, then alternate; what can't be opened is left out with its reason."""
    request = json.loads((folder / "request.json").read_text())
    jobs: dict[int, tuple[Invoke, np.ndarray, int]] = {}
    results: list[float | str] = []
    for place, name in enumerate(request["frameworks"]):
        try:
            jobs[place] = _opened(folder, place, name)
            results.append("")
        except Exception as error:
            results.append(f"timing failed: {error or type(error).__name__}")
    rounds: dict[int, list[float]] = {place: [] for place in jobs}
    for _ in range(request["repeats"]):
        for place, (invoke, sample, count) in jobs.items():
            rounds[place].append(_seconds(invoke, sample, count) / count)
    for place, part in rounds.items():
        results[place] = median(part)
    (folder / "result.json").write_text(json.dumps(results))


def _opened(folder: Path, place: int, name: str) -> tuple[Invoke, np.ndarray, int]:
    """The call, its sample, and how many calls make a round."""
    opener = FRAMEWORKS[name].open
    assert opener is not None
    invoke = opener(folder / f"{place}.artifact")
    # Generated C takes a batch of codes; a sample is a batch of one for everyone.
    sample = np.load(folder / f"{place}.npy", allow_pickle=False)[None]
    return invoke, sample, _count(invoke, sample)


def _count(invoke: Invoke, sample: np.ndarray) -> int:
    """How many inferences make a round; runs two to warm up."""
    invoke(sample)
    once = _seconds(invoke, sample, 1)
    return max(1, min(_MOST, round(_ROUND_S / max(once, 1e-9))))


def _seconds(invoke: Invoke, sample: np.ndarray, count: int) -> float:
    start = time.perf_counter()
    for _ in range(count):
        invoke(sample)
    return time.perf_counter() - start


if __name__ == "__main__":
    main(Path(sys.argv[1]))
