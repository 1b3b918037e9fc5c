"""CIFAR-10 from disk, in its binary or its Python form; pickles are read, never run.

The binary form is records of a label byte and 3072 bytes, red plane, green plane, blue plane. The
Python form is pickles of Python 2, whose opcodes are walked here: what would name or call
anything but numpy's array constructors is refused, and those are imitated, not called.
"""

from __future__ import annotations

import pickletools
import warnings
from collections.abc import Callable
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import numpy as np
from numpy.typing import NDArray

from qnnlab.errors import DatasetError
from qnnlab.steps import tell
from qnnlab.tasks.task import Split

LABELS = (
    "airplane",
    "automobile",
    "bird",
    "cat",
    "deer",
    "dog",
    "frog",
    "horse",
    "ship",
    "truck",
)
BATCH = 10_000  # pictures in each of the six files
_TRAINING = tuple(f"data_batch_{number}" for number in range(1, 6))
_TEST = "test_batch"
_PIXELS = 3 * 32 * 32
_SEED = 20250820
_VALIDATION_SHARE = 0.1
_PARTS = {  # pictures a class; "full" takes all
    "smoke": {"train": 30, "val": 8, "test": 12},
    "quick": {"train": 400, "val": 40, "test": 100},
}
_ADVICE = "`qnnlab data get cifar10` downloads it anew"

Bytes = NDArray[np.uint8]
Labels = NDArray[np.int64]


def read(folder: Path, profile: str, batch: int = BATCH) -> dict[str, Split]:
    """The splits, `x` (samples, 32, 32, 3) as bytes; each file must hold `batch` pictures.

    Validation is a tenth of each class of the training files, drawn once for all profiles. Smaller
    profiles are the first so many pictures a class of the same order. Raises DatasetError.
    """
    read_batch, suffix, home = _form(folder)
    names = (*_TRAINING, _TEST)
    x, y = (
        np.empty((len(names) * batch, 32, 32, 3), np.uint8),
        np.empty(len(names) * batch, np.int64),
    )
    for number, name in enumerate(names):
        place = slice(number * batch, (number + 1) * batch)
        x[place], y[place] = _checked(home / (name + suffix), read_batch, batch)
        tell("reading CIFAR-10", (number + 1) / len(names))
    x_train, x_test = np.split(x, [-batch])
    y_train, y_test = np.split(y, [-batch])
    for labels, what in ((y_train, "training files"), (y_test, _TEST + suffix)):
        absent = [LABELS[label] for label in range(len(LABELS)) if not (labels == label).any()]
        if absent:
            raise DatasetError(f"{home}: no {absent[0]} in the {what}; {_ADVICE}")
    order = _by_class(y_train)
    held = [mine[: max(1, round(len(mine) * _VALIDATION_SHARE))] for mine in order]
    kept = [mine[len(val) :] for mine, val in zip(order, held, strict=True)]
    parts = _PARTS.get(profile, {"train": None, "val": None, "test": None})
    return {
        "train": _part(x_train, y_train, kept, parts["train"]),
        "val": _part(x_train, y_train, held, parts["val"]),
        "test": _part(x_test, y_test, _by_class(y_test), parts["test"]),
    }


def _by_class(y: Labels) -> list[NDArray[np.int64]]:
    """The samples of each class, each in a random order that is always the same."""
    rng = np.random.default_rng(_SEED)
    return [rng.permutation(np.flatnonzero(y == label)) for label in range(len(LABELS))]


def _part(x: Bytes, y: Labels, chosen: list[NDArray[np.int64]], each: int | None) -> Split:
    """`each` samples a class, None for all, in the order of the files."""
    rows = np.sort(np.concatenate([mine[:each] for mine in chosen]))
    return Split(x[rows], y[rows])


def _form(folder: Path) -> tuple[Callable[[Path], tuple[Bytes, Labels]], str, Path]:
    """How to read a batch, its suffix and where it lies; checks the names of the classes."""
    forms = (
        (_binary_batch, ".bin", "batches.meta.txt", _binary_names),
        (_python_batch, "", "batches.meta", _python_names),
    )
    for read_batch, suffix, meta, read_names in forms:
        found = sorted(folder.rglob(_TRAINING[0] + suffix))
        if found:
            home = found[0].parent
            names = read_names(home / meta)
            if names != LABELS:
                listed = ", ".join(names[:3])[:60]
                raise DatasetError(
                    f"{home / meta}: the classes start {listed!r} and are not CIFAR-10's; {_ADVICE}"
                )
            return read_batch, suffix, home
    raise DatasetError(
        f"{folder}: neither {_TRAINING[0]}.bin nor {_TRAINING[0]} is in it; {_ADVICE}"
    )


def _content(path: Path) -> bytes:
    try:
        return path.read_bytes()
    except OSError as error:
        raise DatasetError(f"{path}: can't be read: {error.strerror or error}; {_ADVICE}") from None


def _checked(
    path: Path, read_batch: Callable[[Path], tuple[Bytes, Labels]], batch: int
) -> tuple[Bytes, Labels]:
    """A batch (count, 32, 32, 3) and its labels, of the length and range they should have."""
    x, y = read_batch(path)
    if len(y) != batch or len(x) != batch:
        raise DatasetError(f"{path}: holds {len(x)} pictures, not {batch}; {_ADVICE}")
    if y.min() < 0 or y.max() >= len(LABELS):
        raise DatasetError(f"{path}: a label is outside 0 to 9; {_ADVICE}")
    return x.reshape(-1, 3, 32, 32).transpose(0, 2, 3, 1), y


def _binary_names(path: Path) -> tuple[str, ...]:
    return tuple(_content(path).decode("ascii", "replace").split())


def _binary_batch(path: Path) -> tuple[Bytes, Labels]:
    content = _content(path)
    if not content or len(content) % (1 + _PIXELS):
        raise DatasetError(
            f"{path}: {len(content)} bytes are not a whole number of {1 + _PIXELS}-byte records; "
            f"{_ADVICE}"
        )
    records = np.frombuffer(content, np.uint8).reshape(-1, 1 + _PIXELS)
    return records[:, 1:], records[:, 0].astype(np.int64)


def _python_names(path: Path) -> tuple[str, ...]:
    names = _pickled(path).get(b"label_names")
    if not isinstance(names, list) or not all(isinstance(name, bytes) for name in names):
        raise DatasetError(f"{path}: has no list of label_names; {_ADVICE}")
    return tuple(name.decode("ascii", "replace") for name in names)


def _python_batch(path: Path) -> tuple[Bytes, Labels]:
    batch = _pickled(path)
    x, y = batch.get(b"data"), batch.get(b"labels")
    if not isinstance(x, np.ndarray) or x.ndim != 2 or x.shape[1] != _PIXELS:
        raise DatasetError(f"{path}: data is not an array of {_PIXELS} bytes a row; {_ADVICE}")
    if not isinstance(y, list) or not all(type(label) is int for label in y) or len(y) != len(x):
        raise DatasetError(f"{path}: labels are not one whole number a picture; {_ADVICE}")
    return x, np.array(y, np.int64)


def _pickled(path: Path) -> dict[Any, Any]:
    """The dictionary of a pickle, of which nothing is run."""
    content = _content(path)
    try:
        with warnings.catch_warnings():
            warnings.simplefilter("ignore")  # a damaged text's escapes are warned of, then refused
            value = _walk(content)
    except (ValueError, TypeError, IndexError, KeyError, OverflowError, AttributeError) as error:
        said = " ".join(str(error).split())[:120]
        raise DatasetError(f"{path}: is not a pickle of CIFAR-10's kind: {said}") from None
    if not isinstance(value, dict):
        raise DatasetError(f"{path}: is a pickle of something else than a dictionary; {_ADVICE}")
    return value


@dataclass(frozen=True)
class _Name:
    """A global that a pickle names; it stands for itself and is never looked up."""

    name: str


_RECONSTRUCT, _NDARRAY, _DTYPE, _ENCODE = map(
    _Name, ("_reconstruct", "numpy ndarray", "numpy dtype", "_codecs encode")
)
_GLOBALS = {
    "numpy.core.multiarray _reconstruct": _RECONSTRUCT,
    "numpy._core.multiarray _reconstruct": _RECONSTRUCT,
    **{known.name: known for known in (_NDARRAY, _DTYPE, _ENCODE)},
}
_TEXT = {"BINSTRING", "SHORT_BINSTRING"}  # Python 2's str: bytes, which pickletools gives as text
_PLAIN = {"BININT", "BININT1", "BININT2", "BINUNICODE", "BINBYTES", "SHORT_BINBYTES"}
_CONSTANTS = {"NONE": None, "NEWTRUE": True, "NEWFALSE": False}
_TUPLES = {"EMPTY_TUPLE": 0, "TUPLE1": 1, "TUPLE2": 2, "TUPLE3": 3}
_MARK, _ARRAY, _BYTE = map(_Name, ("mark", "array to fill", "type of bytes"))


def _walk(content: bytes) -> Any:
    """What a pickle of plain values and byte arrays describes; ValueError on anything else."""
    stack: list[Any] = []
    memo: dict[int, Any] = {}
    argument: Any
    for opcode, argument, _ in pickletools.genops(content):
        name = opcode.name
        if name in _TEXT:
            stack.append(argument.encode("latin-1"))
        elif name in _PLAIN:
            stack.append(argument)
        elif name in _CONSTANTS:
            stack.append(_CONSTANTS[name])
        elif name in {"BINPUT", "LONG_BINPUT"}:
            memo[argument] = stack[-1]
        elif name in {"BINGET", "LONG_BINGET"}:
            stack.append(memo[argument])
        elif name == "GLOBAL":
            if argument not in _GLOBALS:
                raise ValueError(f"it names {argument!r}")
            stack.append(_GLOBALS[argument])
        elif name not in {"PROTO", "STOP"}:
            _build(name, stack)
    (value,) = stack
    return value


def _build(name: str, stack: list[Any]) -> None:
    """The opcodes that put values together from those on the stack."""
    if name in _TUPLES:
        count = len(stack) - _TUPLES[name]
        stack[count:] = [tuple(stack[count:])]
    elif name in {"EMPTY_DICT", "EMPTY_LIST", "MARK"}:
        stack.append({} if name == "EMPTY_DICT" else [] if name == "EMPTY_LIST" else _MARK)
    elif name in {"APPEND", "SETITEM", "REDUCE", "BUILD"}:
        argument = stack.pop()
        if name == "APPEND":
            stack[-1].append(argument)
        elif name == "SETITEM":
            key = stack.pop()
            stack[-1][key] = argument
        else:
            stack.append((_called if name == "REDUCE" else _filled)(stack.pop(), argument))
    elif name in {"APPENDS", "SETITEMS", "TUPLE"}:
        start = max(at for at, value in enumerate(stack) if value is _MARK)
        items = stack[start + 1 :]
        del stack[start:]
        if name == "TUPLE":
            stack.append(tuple(items))
        elif name == "APPENDS":
            stack[-1].extend(items)
        else:
            stack[-1].update(zip(items[::2], items[1::2], strict=True))
    else:
        raise ValueError(f"it holds the opcode {name}")


def _called(what: Any, arguments: Any) -> Any:
    """What numpy's constructors give, as a stand-in; Python 3's way to write bytes, done."""
    if what is _ENCODE:
        text, encoding = arguments
        if isinstance(text, str) and encoding == "latin1":
            return text.encode("latin-1")
    elif what is _RECONSTRUCT:
        if arguments[0] is _NDARRAY:
            return _ARRAY
    elif what is _DTYPE and arguments[0] in ("u1", b"u1"):
        return _BYTE
    raise ValueError("it calls something else than numpy's constructor of byte arrays")


def _filled(what: Any, state: Any) -> Any:
    """The array of `state`: version, shape, type, whether columns come first, content."""
    if what is _BYTE:
        return _BYTE  # its state is byte order and alignment, which bytes lack
    if what is _ARRAY:
        _, shape, kind, columns_first, content = state
        if kind is _BYTE and not columns_first and isinstance(content, bytes):
            return np.frombuffer(content, np.uint8).reshape(shape)
    raise ValueError("it builds something else than a byte array, rows first")
