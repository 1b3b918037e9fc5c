"""How numbers and text appear in exhibits and pages."""

from __future__ import annotations

import html
import math
import re
from collections.abc import Iterable
from typing import Any, TypeGuard

ABSENT = "—"
_THIN = "\N{NARROW NO-BREAK SPACE}"
_SUPERSCRIPT = str.maketrans("-0123456789", "⁻⁰¹²³⁴⁵⁶⁷⁸⁹")
_CONTROL = re.compile(r"[\x00-\x08\x0b-\x1f\x7f-\x9f\ufffe\uffff]")
_SIGNIFICANT = 4
_MOST_DECIMALS = 6


def escape(text: object) -> str:
    """`text` as HTML: markup escaped, characters that no document may hold replaced."""
    clean = str(text).encode("utf-8", "replace").decode()
    return html.escape(_CONTROL.sub("\N{REPLACEMENT CHARACTER}", clean))


def sentence(text: str) -> str:
    """`text` with its first letter large, to begin a sentence with; the others stay."""
    return text[:1].upper() + text[1:]


def is_number(value: Any) -> TypeGuard[float]:
    """Whether `value` is an int or float, numpy's included, and not a bool."""
    import numpy as np

    return isinstance(value, int | float | np.integer | np.floating) and not isinstance(value, bool)


def format_number(value: float, decimals: int | None = None) -> str:
    """`value` with thin spaces between thousands.

    With `decimals` None an int is shown whole and a float with four significant digits.
    """
    number = float(value)
    if math.isnan(number):
        return ABSENT
    if math.isinf(number):
        return "∞" if number > 0 else "−∞"
    if decimals is None:
        if not isinstance(value, float) or number.is_integer():
            return _grouped(int(value), 0)
        decimals = column_decimals([number])
        # Alone, a number has no column to line up with.
        while decimals and f"{number:.{decimals}f}".endswith("0"):
            decimals -= 1
    if decimals is None or (number != 0 and abs(number) < 0.5 * 10.0**-decimals):
        return _scientific(number)
    return _grouped(number, decimals)


def three_digits(value: float) -> str:
    """A number with three significant digits, or whole where it is 100 and more."""
    if value == 0 or not math.isfinite(value):
        return format_number(value)
    return format_number(value, max(2 - math.floor(math.log10(abs(value))), 0))


def column_decimals(values: Iterable[float]) -> int | None:
    """Decimals that show a column's largest value with four significant digits.

    None means that the column is so small that only powers of ten can show it.
    """
    finite = [float(value) for value in values if math.isfinite(value)]
    largest = max((abs(value) for value in finite), default=0.0)
    if largest == 0 or all(value.is_integer() for value in finite):
        return 0
    decimals = max(_SIGNIFICANT - 1 - math.floor(math.log10(largest)), 0)
    return decimals if decimals <= _MOST_DECIMALS else None


def _grouped(number: float, decimals: int) -> str:
    return f"{number:,.{decimals}f}".replace(",", _THIN).replace("-", "\N{MINUS SIGN}")


def _scientific(number: float) -> str:
    mantissa, exponent = f"{number:.2e}".split("e")
    power = str(int(exponent)).translate(_SUPERSCRIPT)
    return mantissa.replace("-", "\N{MINUS SIGN}") + "×10" + power
