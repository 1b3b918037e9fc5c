"""The review as data: tables under `data/`, checked against their schema when read."""

from qnnlab.survey.api import (
    deployments,
    frameworks,
    methods,
    platforms,
    references,
    scope,
    taxonomy,
)
from qnnlab.survey.bibliography import Reference, cite
from qnnlab.survey.entries import Entry, entry, select
from qnnlab.survey.tables import (
    TABLE_II,
    cell_value,
    load_table,
    parse_table,
    survey_platforms,
    table_entry,
    table_names,
)

__all__ = [
    "TABLE_II",
    "Entry",
    "Reference",
    "cell_value",
    "cite",
    "deployments",
    "entry",
    "frameworks",
    "load_table",
    "methods",
    "parse_table",
    "platforms",
    "references",
    "scope",
    "select",
    "survey_platforms",
    "table_entry",
    "table_names",
    "taxonomy",
]
