"""The review's map: the taxonomy of Fig. 5 and the scope of earlier surveys (Table I)."""

from __future__ import annotations

from collections.abc import Collection, Iterable, Mapping
from string import ascii_lowercase
from typing import Any

import pandas as pd

from qnnlab.report.exhibits import Figure, Provenance, figure
from qnnlab.report.style import use_style
from qnnlab.report.tree import Node, Tree

SURVEY = "arXiv:2508.15008"
RUNS = "runs here"
_SECTIONS = {"III": "III Advanced quantization", "IV": "IV Alternative number formats"}
_ASPECTS = {
    "primary_quant": "basic\nquantization",
    "advanced_quant": "advanced\nquantization",
    "numeric_repr": "number\nformats",
    "hardware": "hardware\nfamilies",
    "software": "software",
    "applications": "applications",
}
_FAMILIES = {"ARM": "A", "RISC-V": "R", "NPU": "N"}


def split_list(cell: Any) -> list[str]:
    """The parts of a ';'-list; an empty or unknown cell has none."""
    return [] if pd.isna(cell) else [part.strip() for part in str(cell).split(";") if part.strip()]


def reference_texts(references: pd.DataFrame) -> dict[str, str]:
    """Each reference by its key: authors, title, where and when."""
    texts = {}
    for _, row in references.iterrows():
        parts = [row[name] for name in ("authors_short", "title", "venue", "year")]
        if not pd.isna(row["arxiv"]) and str(row["venue"]) == "arXiv":
            parts[2] = f"arXiv:{row['arxiv']}"
        texts[row["ref_key"]] = ", ".join(str(part) for part in parts if not pd.isna(part))
    return texts


def reference_labels(references: pd.DataFrame, keys: Iterable[str]) -> dict[str, str]:
    """The references `keys`, short: authors and year, told apart by a letter where equal."""
    named = references.dropna(subset=["authors_short", "year"]).set_index("ref_key")
    labels = {
        key: f"{named.loc[key, 'authors_short']} {named.loc[key, 'year']}"
        for key in dict.fromkeys(keys)
        if key in named.index
    }
    alike: dict[str, list[str]] = {}
    for key, label in labels.items():
        alike.setdefault(label, []).append(key)
    return {
        key: f"{label}{ascii_lowercase[group.index(key)]}" if len(group) > 1 else label
        for label, group in alike.items()
        for key in group
    }


def mark_runnable(
    taxonomy: pd.DataFrame, methods: pd.DataFrame, recipes: Collection[str]
) -> pd.DataFrame:
    """`taxonomy` with a column `recipes`: those of `methods` that are among `recipes`.

    A recipe that the package does not have (yet) is not counted.
    """
    named = dict(zip(methods["key"], methods["qnnlab_recipes"], strict=True))
    found = [
        [recipe for recipe in split_list(named.get(key)) if recipe in recipes]
        for key in taxonomy["method_key"]
    ]
    return taxonomy.assign(recipes=pd.Series(found, index=taxonomy.index, dtype=object))


def _facts(row: pd.Series, method: pd.Series | None) -> str:
    """What the methods table says of one entry, in a line."""
    parts = []
    if method is not None:
        for column, text in (
            ("authors_short", "{}"),
            ("year", "{}"),
            ("bits_w", "weight bits: {}"),
            ("bits_a", "activation bits: {}"),
            ("needs_training", "needs training: {}"),
            ("needs_data", "needs data: {}"),
            ("mcu_support", "on microcontrollers: {}"),
        ):
            if column in method.index and not pd.isna(method[column]):
                parts.append(text.format(method[column]))
        if method["verified"] == "known":
            parts.append("not checked at its source")
    return " · ".join(parts) or f"no further facts on {row['method_key']}"


def _leaf(row: pd.Series, methods: pd.DataFrame, references: Mapping[str, str]) -> Node:
    method = methods.loc[row["method_key"]] if row["method_key"] in methods.index else None
    lines = [_facts(row, method)]
    if row["recipes"]:
        lines.append(f"qnnlab: {', '.join(row['recipes'])}")
    lines += [f"{key}: {references.get(key, key)}" for key in split_list(row["ref_keys"])]
    return Node(row["method"], badge=RUNS if row["recipes"] else "", lines=lines)


def taxonomy_tree(
    marked: pd.DataFrame, methods: pd.DataFrame, references: Mapping[str, str]
) -> Tree:
    """The entries of Fig. 5 to open and close; `marked` is from `mark_runnable`.

    `references` gives a reference's text by its key; a key without one is shown itself.
    """
    by_key = methods.set_index("key", drop=False)
    roots: dict[str, list[Node]] = {}
    for (section, group), entries in marked.groupby(["section", "group"], sort=False):
        children: list[Node] = []
        for subgroup, rows in entries.groupby("subgroup", sort=False, dropna=False):
            leaves = [_leaf(row, by_key, references) for _, row in rows.iterrows()]
            children += leaves if pd.isna(subgroup) else [Node(str(subgroup), leaves)]
        chapter = str(section).partition("-")[0]
        roots.setdefault(chapter, []).append(Node(f"{section} {group}", children))
    return Tree(
        [Node(_SECTIONS.get(name, name), nodes) for name, nodes in roots.items()],
        caption=(
            f"The review's taxonomy, {len(marked)} entries. The figures are entries below; "
            f"“{RUNS}” means that this package has a recipe for the method."
        ),
        provenance=[
            *_sources(),
            Provenance("what is said of a method", "", "quoted", "data/survey/methods.csv"),
        ],
    )


def _sources() -> list[Provenance]:
    return [
        Provenance("entries and references", "", "quoted", f"{SURVEY} Fig. 5"),
        Provenance("what runs here", "", "measured", "the recipes of this package"),
    ]


def taxonomy_overview(marked: pd.DataFrame) -> Figure:
    """One box an entry, one row a group of Fig. 5, filled where the package has a recipe."""
    from matplotlib import pyplot as plt
    from matplotlib.patches import Patch

    names = marked["section"] + "  " + marked["subgroup"].fillna(marked["group"])
    rows = list(dict.fromkeys(names))
    runs = marked["recipes"].map(bool)
    with use_style():
        fig, axes = plt.subplots(figsize=(7.2, 0.3 * len(rows) + 0.9))
        for y, name in enumerate(rows):
            # Those that run first, so that the filled part reads as a length.
            filled = sorted(runs[names == name], reverse=True)
            colours = ["#0072B2" if run else "#D5D9DE" for run in filled]
            left = range(len(filled))
            axes.barh([y] * len(filled), 0.9, 0.72, left=left, color=colours)
            axes.text(len(filled) + 0.2, y, f"{sum(filled)} of {len(filled)}", va="center")
        axes.set_yticks(range(len(rows)), rows)
        axes.invert_yaxis()
        axes.set_xticks([])
        axes.grid(visible=False)
        axes.spines[["bottom", "left"]].set_visible(False)
        axes.tick_params(length=0)
        axes.margins(x=0.12, y=0.01)
        patches = [
            Patch(color="#0072B2", label="runs here"),
            Patch(color="#D5D9DE", label="no recipe yet"),
        ]
        fig.legend(handles=patches, loc="outside lower center", ncols=2)
        return figure(
            fig,
            caption=(
                f"How much of the taxonomy this package runs: {int(runs.sum())} of {len(marked)} "
                "entries; one box an entry, one row a group."
            ),
            provenance=_sources(),
            alt="Rows of boxes, one row a group of the taxonomy, filled where a method runs",
        )


def _share(cell: Any) -> float:
    """How much of an aspect a survey covers: 0 to 1."""
    words = {"yes": 1.0, "partial": 0.5, "no": 0.0}
    if pd.isna(cell) or str(cell) in words:
        return 0.0 if pd.isna(cell) else words[str(cell)]
    return len(split_list(cell)) / len(_FAMILIES)


def _symbol(aspect: str, cell: Any) -> str:
    if aspect == "hardware":
        return " ".join(_FAMILIES.get(part, part) for part in split_list(cell) if part != "no")
    return {1.0: "yes", 0.5: "part", 0.0: ""}[_share(cell)]


def scope_matrix(scope: pd.DataFrame, labels: Mapping[str, str]) -> Figure:
    """Surveys × aspects: what each covers; `labels` names a survey by its key."""
    from matplotlib import pyplot as plt
    from matplotlib.colors import ListedColormap

    shares = [[_share(row[aspect]) for aspect in _ASPECTS] for _, row in scope.iterrows()]
    names = [labels.get(key, key) for key in scope["survey"]]
    with use_style():
        fig, axes = plt.subplots(figsize=(7.2, 0.3 * len(scope) + 1.1))
        # Lightness tells the shares apart without colour; the text says them.
        colours = ListedColormap(["#F4F4F0", "#CFE3F2", "#9CC9E3", "#5BA3CF"])
        axes.imshow(shares, cmap=colours, vmin=0, vmax=1, aspect="auto")
        for y, (_, row) in enumerate(scope.iterrows()):
            for x, aspect in enumerate(_ASPECTS):
                axes.text(x, y, _symbol(aspect, row[aspect]), ha="center", va="center", size=9)
        axes.set_xticks(range(len(_ASPECTS)), list(_ASPECTS.values()))
        axes.set_yticks(range(len(scope)), names)
        axes.tick_params(length=0, labeltop=True, labelbottom=False)
        axes.set_xticks([x + 0.5 for x in range(len(_ASPECTS))], minor=True)
        axes.set_yticks([y + 0.5 for y in range(len(scope))], minor=True)
        axes.grid(visible=False, which="major")
        axes.grid(visible=True, which="minor", color="white", linewidth=1.5)
        axes.tick_params(which="minor", length=0)
        axes.spines[:].set_visible(False)
        return figure(
            fig,
            caption=(
                f"What {len(scope)} surveys cover. Hardware by family: A for ARM, R for RISC-V, N "
                "for chips with a neural accelerator. An empty cell: not covered, as the review "
                "sees it."
            ),
            provenance=[Provenance("coverage", "", "quoted", f"{SURVEY} Table I")],
            alt="Matrix of surveys against six aspects, darker where an aspect is covered",
        )
