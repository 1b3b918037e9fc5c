"""Fixed parts of a split, for the profiles that do not take all of it."""

from __future__ import annotations

import numpy as np

from qnnlab.tasks.task import Split

_SUBSET_SEED = 20250820


def subset(split: Split, size: int | None, *, even: bool = False) -> Split:
    """A fixed drawing of about `size` samples, all of them for None.

    Each class keeps its share and at least one sample. `even`: each class gives as many samples
    as the others while it has some, so rare ones are kept whole.
    """
    counts = np.bincount(split.y)
    if size is None or size >= len(split):
        return split
    if even:
        cap = max(c for c in range(1, size + 1) if np.minimum(counts, c).sum() <= size or c == 1)
        wanted = np.minimum(counts, cap)
    else:
        wanted = np.minimum(np.maximum(1, np.rint(counts * (size / len(split)))), counts)
    order = np.random.default_rng(_SUBSET_SEED).permutation(len(split))
    chosen = np.sort(
        np.concatenate([order[split.y[order] == c][: int(n)] for c, n in enumerate(wanted)])
    )
    parts = (split.groups, split.clips)
    groups, clips = (None if part is None else part[chosen] for part in parts)
    return Split(split.x[chosen], split.y[chosen], groups, clips)
