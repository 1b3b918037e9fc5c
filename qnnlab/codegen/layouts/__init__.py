"""Layouts of exported code: a folder that an ecosystem builds as it is. One file, one layout."""

from __future__ import annotations

import math
import re
from collections.abc import Mapping, Sequence
from functools import lru_cache
from typing import Any

import numpy as np

from qnnlab.codegen.cores import CORES
from qnnlab.codegen.generate import CModel, generate
from qnnlab.codegen.layouts.folder import check_folder, write_folder
from qnnlab.codegen.layouts.layout import (
    FAST,
    HEADER,
    HOST_HEADER,
    HOST_SOURCE,
    SOURCE,
    Layout,
    Size,
)
from qnnlab.errors import CodegenError, MissingExtra, SpecError
from qnnlab.graph.integer.execute import run_integer
from qnnlab.graph.integer.model import IntegerGraph
from qnnlab.registry import LazyNames, plug_ins

__all__ = [
    "LAYOUTS",
    "Layout",
    "Size",
    "check_folder",
    "check_name",
    "export_files",
    "ramp",
    "write_folder",
]

_MOST_NAME = 63  # Arduino's limit for a sketch

#: Layouts by name; an unknown one is a SpecError that says which are near.
LAYOUTS: Mapping[str, Layout] = LazyNames(
    "layout", lambda: plug_ins("qnnlab.codegen.layouts", "LAYOUT"), SpecError
)

_KEYWORDS = """
auto break case char const continue default do double else enum extern float for goto if inline int
long register restrict return short signed sizeof static struct switch typedef union unsigned void
volatile while
"""
# As model.h or model.c these would take the place of another file.
_TAKEN = """
main arduino assert complex ctype errno fenv inttypes iso646 limits locale math setjmp signal
stdalign stdarg stdatomic stdbool stddef stdint stdio stdlib string tgmath threads time uchar wchar
wctype
"""


def check_name(name: str) -> str:
    """`name`; raises SpecError where it can't name the C module."""
    if not re.fullmatch(r"[A-Za-z_][A-Za-z0-9_]*", name, re.ASCII) or name in _KEYWORDS.split():
        raise SpecError(f"name {name!r}: not a C identifier (letters, digits and _, no keyword)")
    if name.lower() in _TAKEN.split():
        raise SpecError(f"name {name!r}: {name}.h or {name}.c would hide another file")
    if len(name) > _MOST_NAME:
        raise SpecError(f"name {name[:12]!r}…: longer than {_MOST_NAME} characters")
    return name


def ramp(graph: IntegerGraph) -> np.ndarray[Any, np.dtype[np.int8]]:
    """The input codes of the examples, −128 to 127 over and over, as one sample."""
    source = graph.activations[graph.input]
    codes = np.arange(math.prod(source.shape)) % 256 - 128
    return codes.astype(np.int8).reshape(1, *source.shape)


def _checksum(graph: IntegerGraph) -> int:
    """FNV-1a over the answer to the ramp, which the examples compare theirs with."""
    value = 2166136261
    for byte in run_integer(graph, ramp(graph)).astype(np.int8).tobytes():
        value = ((value ^ byte) * 16777619) % 2**32
    return value


def export_files(
    graph: IntegerGraph, model: CModel, layout: str, sizes: Sequence[Size] = ()
) -> dict[str, str]:
    """Relative path → text of `model`, which was generated of `graph`, in a layout.

    Raises SpecError for an unknown layout or a name that is no C identifier, CodegenError for a
    model whose input or output has 16 bits.
    """
    if (model.input_type, model.output_type) != ("int8", "int8"):
        raise CodegenError("projects are written for models whose input and output are int8")
    chosen = LAYOUTS[layout]
    name, core = check_name(model.name), CORES[model.core]
    texts = {SOURCE: FAST + model.source, HEADER: model.header}
    if chosen.needs_host and core.name != "host":
        host = generate(graph, "host", name)
        texts |= {HOST_SOURCE: FAST + host.source, HOST_HEADER: host.header}
    source, target = (graph.activations[i] for i in (graph.input, graph.output))
    values = {
        "name": name,
        "core": core,
        "model": model,
        "board": chosen.boards.get(core.name),
        "checksum": f"0x{_checksum(graph):08x}",
        "sizes": sizes,
        "source": source,
        "target": target,
    }
    files = {}
    for path, template in chosen.files.items():
        place = path.format(name=name, core=core.name)
        if template in (HOST_SOURCE, HOST_HEADER) and template not in texts:
            continue
        text = texts[template] if template in texts else _rendered(template, values)
        # A template that renders to nothing has no place here, as a toolchain of this computer.
        if text.strip():
            files[place] = text
    return files


@lru_cache(maxsize=1)
def _environment() -> Any:
    try:
        import jinja2
    except ImportError:
        raise MissingExtra("exporting needs jinja2: pip install qnnlab[firmware]") from None
    return jinja2.Environment(
        loader=jinja2.PackageLoader("qnnlab.codegen", "templates/layouts"),
        trim_blocks=True,
        lstrip_blocks=True,
        undefined=jinja2.StrictUndefined,
        keep_trailing_newline=True,
        autoescape=False,
    )


def _rendered(template: str, values: Mapping[str, Any]) -> str:
    text: str = _environment().get_template(f"{template}.j2").render(**values)
    return text
