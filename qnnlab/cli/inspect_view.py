"""An inspection on a terminal."""

from __future__ import annotations

from rich.markup import escape
from rich.table import Table

from qnnlab.cli.console import console, value_table
from qnnlab.graph.model import Graph, Quantization
from qnnlab.lab import Inspection
from qnnlab.targets import KB, Fit


def _shape(shape: tuple[int, ...]) -> str:
    return "×".join(map(str, shape)) or "scalar"


def _quantization(q: Quantization | None) -> str:
    if q is None:
        return "none"
    zero_points = sorted({int(z) for z in q.zero_point})
    zero_point = " to ".join(map(str, sorted({zero_points[0], zero_points[-1]})))
    if not q.per_channel:
        return f"scale {q.scale[0]:.4g} zero_point {zero_point}"
    low, high = q.scale.min(), q.scale.max()
    return (
        f"{len(q.scale)} channels, axis {q.axis}: "
        f"scale {low:.3g} to {high:.3g} zero_point {zero_point}"
    )


def _operators(found: Inspection) -> Table:
    table = Table("#", "operator", "input", "output", title="Operators", title_justify="left")
    for column in ("MACs", "weights B"):
        table.add_column(column, justify="right")
    tensors = found.graph.tensors
    for cost in found.costs.operators:
        operator = found.graph.operators[cost.index]
        sources = [tensors[i] for i in operator.inputs if i >= 0 and not tensors[i].is_constant]
        results = [tensors[i] for i in operator.outputs if i >= 0]
        table.add_row(
            str(cost.index),
            operator.name,
            ", ".join(_shape(t.shape) for t in sources),
            ", ".join(_shape(t.shape) for t in results),
            "not counted" if cost.macs is None else f"{cost.macs:,}",
            f"{cost.weight_bytes:,}",
        )
    return table


def _tensors(graph: Graph) -> Table:
    table = Table("#", "tensor", "kind", "dtype", "shape", title="Tensors", title_justify="left")
    table.add_column("bytes", justify="right")
    table.add_column("quantization")
    for tensor in graph.tensors:
        table.add_row(
            str(tensor.index),
            escape(tensor.name),
            "constant" if tensor.is_constant else "activation",
            tensor.dtype,
            _shape(tensor.shape),
            f"{tensor.n_bytes:,}",
            _quantization(tensor.quantization),
        )
    return table


def _headroom(headroom: int | None) -> str:
    if headroom is None:
        return "unknown"
    word = "free" if headroom >= 0 else "short"
    return f"{abs(headroom) / KB:,.1f} kB {word}"


def _platforms(fits: tuple[Fit, ...]) -> Table:
    table = Table("platform", "fits", title="Platforms (Table II)", title_justify="left")
    for column in ("flash", "RAM"):
        table.add_column(column, justify="right")
    table.add_column("note")
    for fit in fits:
        verdict = {True: "yes", False: "[bold red]no[/]", None: "unknown"}[fit.fits]
        table.add_row(
            fit.platform,
            verdict,
            _headroom(fit.flash_headroom_bytes),
            _headroom(fit.ram_headroom_bytes),
            fit.note,
        )
    return table


def show(found: Inspection) -> None:
    """Print the model's operators, tensors, figures and the platforms it fits."""
    out = console()
    out.print(_operators(found))
    out.print(_tensors(found.graph))
    out.print(value_table(found.values, found.file))
    out.print(_platforms(found.fits))
