"""The catalog of frameworks as features: yes, partial, no or unknown, and filters on them."""

from __future__ import annotations

import re
from dataclasses import dataclass
from typing import TYPE_CHECKING

from qnnlab.errors import SpecError, unknown_name
from qnnlab.lab.frameworks.registered import FRAMEWORKS
from qnnlab.survey import load_table

if TYPE_CHECKING:
    import pandas as pd

SOURCE = "data/survey/frameworks.csv"
#: The columns of `features`, in the order that figures show them.
FEATURES = (
    *("runs here", "open source", "Cortex-M", "RISC-V", "sub-8-bit weights"),
    *("mixed precision", "QAT", "training on device", "NPU or accelerator"),
)
# Targets that hold for any compiler of C, and words by which the catalog names the others.
_ANY_C = (r"any c(?![a-z])", "c99", "bare c", "generic c", "any c99")
_TARGETS = {
    "cortex-m": ("cortex-m", "stm32", "nrf", "rx65", "efr32", "apollo", "i.mx rt", *_ANY_C),
    "risc-v": (
        *("risc-v", "rv32", "gap8", "gap9", "pulp", "xpulpnn", "ri5cy", "c3", "p4", "ch32v"),
        *("k210", "k230", "siracusa", "x-heep", *_ANY_C),
    ),
    "esp32": ("esp32", *_ANY_C),
    "npu": ("npu", "ethos", "neural-art", "ndp", "max78", "kpu", "mvp", "neutron"),
    "fpga": ("fpga", "finn"),
    "host": ("host", "linux", "x86", "desktop", *_ANY_C),
}
_NO_QAT = ("no", "n/a", "")
_YES = {"yes": "yes", "partly": "partial", "partial": "partial", "no": "no"}


@dataclass(frozen=True)
class Filters:
    """What rows must have; None or False asks for nothing.

    `target` and `approach` are matched as words of the catalog, `target` also by the groups of
    TARGET_GROUPS; `reads` is looked for in the input formats. `sub8` and `qat` are met in part,
    too; `open_source` only in full.
    """

    target: str | None = None
    approach: str | None = None
    reads: str | None = None
    sub8: bool = False
    qat: bool = False
    open_source: bool = False

    def asked(self) -> bool:
        """Whether anything is asked for."""
        return self != Filters()


TARGET_GROUPS = tuple(_TARGETS)


def catalog(filters: Filters | None = None) -> pd.DataFrame:
    """Rows of the catalog that have what is asked for, with `here`: our entries for them.

    All facts are quoted. Raises SpecError for an approach that the catalog does not have.
    """
    asked = filters or Filters()
    table = load_table("frameworks").copy()
    here: dict[str, list[str]] = {}
    for framework in FRAMEWORKS.values():
        here.setdefault(framework.catalog, []).append(framework.name)
    table["here"] = [", ".join(here.get(key, [])) for key in table["key"]]
    keep = table["key"].notna()
    if asked.approach:
        known = sorted(set(table["approach"].dropna()))
        if not any(asked.approach.lower() in name for name in known):
            raise SpecError(unknown_name("approach", asked.approach, known))
        keep &= _contains(table["approach"], (re.escape(asked.approach),))
    if asked.target:
        words = _TARGETS.get(asked.target.lower(), (re.escape(asked.target),))
        text = table["targets"].fillna("") + " " + table["accelerators"].fillna("")
        keep &= _contains(text if asked.target.lower() == "npu" else table["targets"], words)
    if asked.reads:
        keep &= _contains(table["input_formats"], (re.escape(asked.reads),))
    marks = features(table)
    for name, wanted in (("sub-8-bit weights", asked.sub8), ("QAT", asked.qat)):
        if wanted:
            keep &= marks[name].isin(("yes", "partial")).to_numpy()
    if asked.open_source:
        keep &= (marks["open source"] == "yes").to_numpy()
    return table[keep].reset_index(drop=True)


def features(table: pd.DataFrame) -> pd.DataFrame:
    """Rows of `catalog` by name as yes, partial, no or "" (not known), in columns FEATURES.

    A target counts where the catalog's text names it or says any C compiler.
    """
    import pandas as pd

    columns = {
        "runs here": ["yes" if entries else "no" for entries in table["here"]],
        "open source": [_openness(text) for text in table["open_source"].fillna("")],
        "Cortex-M": _marks(table["targets"], _TARGETS["cortex-m"]),
        "RISC-V": _marks(table["targets"], _TARGETS["risc-v"]),
        "sub-8-bit weights": [_YES.get(text, "") for text in table["sub8_weights"].fillna("")],
        "mixed precision": [_YES.get(text, "") for text in table["mixed_precision"].fillna("")],
        "QAT": [_qat(text) for text in table["qat_support"].fillna("")],
        "training on device": [
            _YES.get(text, "") for text in table["on_device_training"].fillna("")
        ],
        "NPU or accelerator": [
            "no" if text in ("", "none") else "yes" for text in table["accelerators"].fillna("")
        ],
    }
    return pd.DataFrame(columns, index=pd.Index(table["name"], name="framework"))


def _openness(text: str) -> str:
    if text in ("source available", "SDK only"):
        return "partial"
    return _YES.get(text, "")


def _qat(text: str) -> str:
    """`partial` where a model trained elsewhere is taken in, such as `TF QAT imports`."""
    if text in _NO_QAT or text.startswith(("no ", "PTQ")):
        return "no"
    return "partial" if "import" in text or text.startswith("via") else "yes"


def _contains(column: pd.Series, patterns: tuple[str, ...]) -> pd.Series:
    """Whether a text has one of the patterns at the start of a word, whatever the case."""
    wanted = re.compile(rf"(?<![a-z0-9])(?:{'|'.join(patterns)})", re.IGNORECASE)
    return column.fillna("").map(lambda text: bool(wanted.search(text))).astype(bool)


def _marks(column: pd.Series, words: tuple[str, ...]) -> list[str]:
    return ["yes" if found else "no" for found in _contains(column, words)]
