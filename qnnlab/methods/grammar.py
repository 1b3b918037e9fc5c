"""Method names that say what they do: `ptq_adaround_w4a8_pc_mse`, `qat_lsq_w4a4_e8_kd`.

    ptq [_rounding] _w<bits>a<bits>[sym] _pc|_pt [_observer] [_a<observer>] [_e8] [_cle] [_bias]
    qat _estimator  _w<bits>a<bits> [_pt] [_a<observer>] [_e8] [_kd]

Observers are spelled without their underscore. pc, pt: one scale a channel or a tensor. sym:
symmetric activations. a<observer>: how activations are calibrated. e8: first and last layer keep
8-bit weights. cle: cross-layer equalization first. bias, biasa: bias correction, empirical or
analytic. kd: distilled from the float model.
"""

from __future__ import annotations

import re
from collections.abc import Callable
from typing import Any

from qnnlab.errors import SpecError, unknown_name
from qnnlab.methods.estimators import ESTIMATORS
from qnnlab.methods.method import Recipe
from qnnlab.numerics.observers import OBSERVERS

_OBSERVERS = {name.replace("_", ""): name for name in OBSERVERS}
_WIDTHS = re.compile(r"w(\d+)a(\d+)(sym)?")
_ROUNDINGS = {
    "nearest": "nearest_even",
    "halfaway": "half_away",
    "floor": "floor",
    "stochastic": "stochastic",
    "gptq": "gptq",
    "adaround": "adaround",
    "brecq": "brecq",
}
_ROUNDING_TITLES = {
    "nearest_even": "rounded to nearest",
    "half_away": "rounded half away from zero",
    "floor": "rounded down",
    "stochastic": "rounded at random",
    "gptq": "error compensation",
    "adaround": "AdaRound",
    "brecq": "block reconstruction",
}
_ROUNDING_SOURCES = {
    "gptq": "Frantar et al. 2023 (arXiv:2210.17323)",
    "adaround": "Nagel et al. 2020 (arXiv:2004.10568)",
    "brecq": "Li et al. 2021 (arXiv:2102.05426)",
}
_CORRECTIONS = {"bias": "empirical", "biasa": "analytic"}
_GRANULARITIES = {"pc": "per_channel", "pt": "per_tensor"}


def read_name(name: str) -> Recipe | None:
    """The recipe that `name` spells; None where it does not begin like one of the grammar.

    Raises SpecError, which names the part, where it begins so and goes on wrong.
    """
    kind, *parts = name.split("_")
    read: Callable[[str, list[str]], Recipe] | None = {"ptq": _ptq, "qat": _qat}.get(kind)
    if read is None or not any(_WIDTHS.fullmatch(part) for part in parts):
        return None
    return read(name, parts)


def _wrong(name: str, part: str, where: str, known: Any) -> SpecError:
    return SpecError(f"method {name!r}: {unknown_name(where, part, known)}")


def _widths(name: str, parts: list[str], weights: range, activations: range) -> tuple[Any, ...]:
    """Take the widths from the front: weight bits, activation bits, whether symmetric."""
    found = _WIDTHS.fullmatch(parts.pop(0)) if parts else None
    if found is None:
        raise SpecError(f"method {name!r}: widths like w4a8 must come where {name!r} has none")
    bits = int(found[1]), int(found[2])
    for what, given, allowed in zip(("w", "a"), bits, (weights, activations), strict=True):
        if given not in allowed:
            raise SpecError(
                f"method {name!r}: {what}{given} is not from {what}{allowed[0]} to "
                f"{what}{allowed[-1]}"
            )
    return *bits, found[3] is not None


def _observer(part: str) -> str | None:
    """The observer of activations that a part like `akl` names."""
    return _OBSERVERS.get(part[1:]) if part.startswith("a") else None


def _ptq(name: str, parts: list[str]) -> Recipe:
    rounding = "nearest_even"
    if not _WIDTHS.fullmatch(parts[0]):
        given = parts.pop(0)
        if given not in _ROUNDINGS:
            raise _wrong(name, given, "rounding", _ROUNDINGS)
        rounding = _ROUNDINGS[given]
    w, a, symmetric = _widths(name, parts, range(2, 9), range(2, 17))
    if not parts or parts[0] not in _GRANULARITIES:
        raise SpecError(f"method {name!r}: pc or pt must follow the widths")
    settings: dict[str, Any] = {
        "rounding": rounding,
        "weight_bits": w,
        "activation_bits": a,
        "symmetric_activations": symmetric,
        "granularity": _GRANULARITIES[parts.pop(0)],
        "observer": _OBSERVERS[parts.pop(0)] if parts and parts[0] in _OBSERVERS else "minmax",
        "activation_observer": "minmax" if a >= 8 else "mse",
        "edges": "same",
        "equalize": False,
        "bias_correction": "none",
    }
    for part in parts:
        if (observer := _observer(part)) is not None:
            settings["activation_observer"] = observer
        elif part == "e8":
            settings["edges"] = "8"
        elif part == "cle":
            settings["equalize"] = True
        elif part in _CORRECTIONS:
            settings["bias_correction"] = _CORRECTIONS[part]
        else:
            known = [*_OBSERVERS, *(f"a{o}" for o in _OBSERVERS), "e8", "cle", *_CORRECTIONS]
            raise _wrong(name, part, "step", known)
    source = _ROUNDING_SOURCES.get(rounding, "Krishnamoorthi 2018 (arXiv:1806.08342)")
    return Recipe(name, _ptq_title(settings), "ptq", "float32", "II", source, settings)


def _ptq_title(settings: dict[str, Any]) -> str:
    w, a = settings["weight_bits"], settings["activation_bits"]
    words = [f"PTQ W{w}A{a}, {_ROUNDING_TITLES[settings['rounding']]}"]
    words.append(settings["granularity"].replace("_", " "))
    if settings["observer"] != "minmax":
        words.append(settings["observer"].replace("_", " "))
    if settings["activation_observer"] != "minmax":
        words.append(f"activations {settings['activation_observer']}")
    if settings["symmetric_activations"]:
        words.append("symmetric")
    if settings["edges"] == "8":
        words.append("8-bit edges")
    if settings["equalize"]:
        words.append("equalized")
    if settings["bias_correction"] != "none":
        words.append(f"{settings['bias_correction']} bias correction")
    return ", ".join(words)


def _qat(name: str, parts: list[str]) -> Recipe:
    given = parts.pop(0)
    if given not in ESTIMATORS:
        raise _wrong(name, given, "estimator", ESTIMATORS)
    estimator = ESTIMATORS[given]
    w, a, symmetric = _widths(name, parts, estimator.weight_bits, range(2, 9))
    if symmetric:
        raise SpecError(f"method {name!r}: sym is for ptq")
    settings: dict[str, Any] = {
        "estimator": given,
        "weight_bits": w,
        "activation_bits": a,
        "granularity": "per_channel",
        "activation_observer": "minmax" if a >= 8 else "mse",
        "edges": "same",
        "distil": False,
    }
    for part in parts:
        if (observer := _observer(part)) is not None:
            settings["activation_observer"] = observer
        elif part == "e8":
            settings["edges"] = "8"
        elif part == "kd":
            settings["distil"] = True
        elif part in _GRANULARITIES:
            settings["granularity"] = _GRANULARITIES[part]
        else:
            known = [*(f"a{o}" for o in _OBSERVERS), "e8", "kd", *_GRANULARITIES]
            raise _wrong(name, part, "step", known)
    words = [f"QAT W{w}A{a}, {estimator.title}"]
    words += ["per tensor"] if settings["granularity"] == "per_tensor" else []
    words += ["8-bit edges"] if settings["edges"] == "8" else []
    words += ["distilled"] if settings["distil"] else []
    title, source = ", ".join(words), estimator.source
    return Recipe(name, title, "qat", "float32", "II", source, settings)
