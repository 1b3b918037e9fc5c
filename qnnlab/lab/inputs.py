"""Samples for a model out of a file of the user's, or at random."""

from __future__ import annotations

import zipfile
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import numpy as np
from numpy.typing import NDArray

from qnnlab.errors import DataError
from qnnlab.graph.checks import shape_text
from qnnlab.graph.model import Graph
from qnnlab.lab.measure import model_inputs

_RANDOM_SAMPLES = 64


@dataclass(frozen=True, eq=False)
class Samples:
    """Inputs (samples, …) in the type that the model takes, their classes where known.

    `source` says where they are from.
    """

    inputs: NDArray[Any]
    labels: NDArray[np.int64] | None
    source: str


def load_samples(path: Path | str, graph: Graph, limit: int | None = None) -> Samples:
    """The first `limit` samples of an .npz: array `inputs` and, if there, `labels`.

    Floats are quantized as the model's input is. Raises DataError, one line, for a file that
    can't be read or that does not fit the model.
    """
    path = Path(path)
    try:
        with path.open("rb") as stream, np.load(stream, allow_pickle=False) as arrays:
            found = {name: arrays[name] for name in arrays.files}
    except (OSError, ValueError, EOFError, zipfile.BadZipFile, AttributeError) as error:
        raise DataError(f"{path}: no .npz that can be read: {error}") from None
    inputs = found.get("inputs", next(iter(found.values())) if len(found) == 1 else None)
    if inputs is None:
        names = ", ".join(sorted(found)) or "none"
        raise DataError(f"{path}: it must have an array `inputs`, it has {names}")
    labels = found.get("labels")
    if labels is not None and labels.shape != (len(inputs),):
        raise DataError(
            f"{path}: labels have shape {shape_text(labels.shape)} for {len(inputs)} inputs"
        )
    try:
        fitted = _fitted(graph, np.asarray(inputs)[:limit])
    except ValueError as error:
        raise DataError(f"{path}: {error}") from None
    kept = None if labels is None else np.asarray(labels, np.int64)[:limit]
    return Samples(fitted, kept, f"{len(fitted)} samples of {path.name}")


def random_samples(graph: Graph, count: int = _RANDOM_SAMPLES, seed: int = 0) -> Samples:
    """Inputs at random over the whole code range (floats: standard normal)."""
    tensor = graph.tensors[graph.inputs[0]]
    rng = np.random.default_rng(seed)
    shape = (count, *tensor.shape[1:]) if len(tensor.shape) > 1 else (count, *tensor.shape)
    kind = np.dtype(tensor.dtype)
    if kind.kind in "iu":
        limits = np.iinfo(kind)
        drawn = rng.integers(limits.min, limits.max, shape, endpoint=True, dtype=kind)
    else:
        drawn = rng.standard_normal(shape).astype(kind)
    return Samples(drawn, None, f"{count} random inputs, seed {seed}")


def _fitted(graph: Graph, inputs: NDArray[Any]) -> NDArray[Any]:
    tensor = graph.tensors[graph.inputs[0]]
    if inputs.ndim == 0 or len(inputs) == 0:
        raise ValueError("there are no samples in it")
    if inputs[0].size != tensor.n_elements:
        raise ValueError(
            f"a sample has shape {shape_text(inputs.shape[1:])}, "
            f"the model takes {shape_text(tensor.shape)}"
        )
    if inputs.dtype.name == tensor.dtype:
        return inputs
    if inputs.dtype.kind != "f":
        raise ValueError(f"its inputs are {inputs.dtype}, the model takes {tensor.dtype}")
    if not np.isfinite(inputs).all():
        raise ValueError("its inputs are not all finite")
    return np.asarray(model_inputs(graph, inputs.astype(np.float32)))
