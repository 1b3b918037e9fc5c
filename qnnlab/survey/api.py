"""The review's main tables as tidy DataFrames; the others by `load_table(name)`."""

from __future__ import annotations

import pandas as pd

from qnnlab.survey.tables import load_table


def scope() -> pd.DataFrame:
    """Table I: earlier surveys and what each covers; one row a survey."""
    return load_table("survey_scope")


def taxonomy() -> pd.DataFrame:
    """Fig. 5: the review's entries by section, group and subgroup."""
    return load_table("survey_taxonomy")


def methods() -> pd.DataFrame:
    """Quantization and compression methods, by `key`; `qnnlab_recipes` names what runs here."""
    return load_table("methods").set_index("key", drop=False)


def frameworks() -> pd.DataFrame:
    """Frameworks that bring networks to microcontrollers, by `key`."""
    return load_table("frameworks").set_index("key", drop=False)


def platforms() -> pd.DataFrame:
    """The catalog of chips, by `key`; sizes in kB of 1,024 bytes, clocks in MHz."""
    return load_table("platforms").set_index("key", drop=False)


def deployments() -> pd.DataFrame:
    """Tables IV to VI: published deployments; ms, mJ, mW and kB, ranges as min and max.

    Rows whose figures are doubtful carry the doubt in `quality_flag`.
    """
    return load_table("survey_deployments").set_index("row_key", drop=False)


def references() -> pd.DataFrame:
    """What is cited, by `ref_key`."""
    return load_table("references").set_index("ref_key", drop=False)
