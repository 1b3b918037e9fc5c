"""References: what a key of a table stands for, as one line of text and as BibTeX."""

from __future__ import annotations

import unicodedata
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

from qnnlab.errors import DataError, unknown_name
from qnnlab.survey.tables import load_table

if TYPE_CHECKING:
    import pandas as pd

# A brace counts for BibTeX even behind a backslash, so braces become words, too.
_TEX = {
    "\\": r"\textbackslash{}",
    "{": r"\textbraceleft{}",
    "}": r"\textbraceright{}",
    "~": r"\textasciitilde{}",
    "^": r"\textasciicircum{}",
    **{sign: f"\\{sign}" for sign in "&%$#_"},
}
_IN_URL = {"\\": "%5C", "{": "%7B", "}": "%7D"}
_NOT_PUBLISHED = {"", "arXiv", "Documentation", "GitHub repository", "Product page", "Project site"}


def escape(text: str) -> str:
    """`text` as the inside of a BibTeX field: one line, special signs escaped, braces even."""
    one_line = " ".join(text.split())
    kept = (sign for sign in one_line if unicodedata.category(sign)[0] != "C")
    return "".join(_TEX.get(sign, sign) for sign in kept)


@dataclass(frozen=True)
class Reference:
    """One source: the row of `data/survey/references.csv` with this `ref_key`."""

    ref_key: str
    title: str
    authors_short: str
    year: int | None
    venue: str
    arxiv: str
    doi: str
    url: str
    source: str
    verified: str

    @classmethod
    def from_row(cls, row: dict[str, Any]) -> Reference:
        """A reference of a row of the table `references`; empty cells become empty text."""
        import pandas as pd

        text = {
            name: "" if pd.isna(row[name]) else str(row[name])
            for name in cls.__dataclass_fields__
            if name != "year"
        }
        return cls(year=None if pd.isna(row["year"]) else int(row["year"]), **text)

    @property
    def link(self) -> str:
        """The address that leads to the source, or empty text."""
        if self.doi:
            return f"https://doi.org/{self.doi}"
        return f"https://arxiv.org/abs/{self.arxiv}" if self.arxiv else self.url

    def text(self) -> str:
        """One line: authors, year, title, venue and where to find it."""
        where = [] if self.venue == "arXiv" else [self.venue]
        where.append(f"arXiv:{self.arxiv}" if self.arxiv else "")
        where.append(f"doi:{self.doi}" if self.doi else "")
        where.append("" if self.arxiv or self.doi else self.url)
        year = f" ({self.year})" if self.year else ""
        parts = [f"{self.authors_short}{year}", self.title, ", ".join(filter(None, where))]
        return " ".join(". ".join(filter(None, parts)).split())

    def __str__(self) -> str:
        return self.text()

    def bibtex(self) -> str:
        """The entry of this source: article where it was published, misc where it was not."""
        published = self.venue not in _NOT_PUBLISHED
        fields = {
            "title": f"{{{escape(self.title)}}}" if self.title else "",
            "author": _bibtex_authors(self.authors_short),
            "year": str(self.year or ""),
            "journal" if published else "howpublished": escape(self.venue),
            "eprint": self.arxiv,
            "archiveprefix": "arXiv" if self.arxiv else "",
            "doi": escape(self.doi),
            "url": "".join(_IN_URL.get(sign, sign) for sign in "".join(self.url.split())),
        }
        lines = [f"  {name} = {{{value}}}" for name, value in fields.items() if value]
        kind = "article" if published else "misc"
        return f"@{kind}{{{self.ref_key},\n" + ",\n".join(lines) + "\n}\n"


def _bibtex_authors(short: str) -> str:
    """Names in braces, because a firm's name is not a first and a last name."""
    first, et_al, _ = short.partition(" et al.")
    names = [f"{{{escape(name)}}}" for name in first.split(" and ") if name]
    return " and ".join([*names, "others"] if et_al else names)


def bibtex(frame: pd.DataFrame) -> str:
    """The rows of `frame`, a table of references, as a BibTeX file."""
    return "\n".join(Reference.from_row(row).bibtex() for row in frame.to_dict("records"))


def cite(key: str) -> Reference:
    """The reference of `key`, a `ref_key` such as "wang2019haq" or a method such as "haq".

    Raises DataError that names the nearest keys where `key` is neither.
    """
    rows = {row["ref_key"]: row for row in load_table("references").to_dict("records")}
    methods = load_table("methods")
    of_method = dict(zip(methods["key"], methods["ref_key"], strict=True))
    row = rows.get(key) or rows.get(of_method.get(key, ""))
    if row is None:
        raise DataError(unknown_name("reference", key, {*rows, *of_method}))
    return Reference.from_row(row)
