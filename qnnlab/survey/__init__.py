"""The review as data: tables under `data/`, checked against their schema when read."""

from qnnlab.survey.tables import TABLE_II, load_table, parse_table, platforms

__all__ = ["TABLE_II", "load_table", "parse_table", "platforms"]
