# ---
# jupyter:
#   jupytext:
#     text_representation:
#       extension: .py
#       format_name: percent
#   kernelspec:
#     display_name: Python 3
#     language: python
#     name: python3
# ---

# %% [markdown]
# # Claims
#
# A review makes statements: int8 costs about a point of accuracy, a pruned model saves no flash,
# accelerators win by a factor. This page puts each statement to the test, as far as the runs behind
# this report and the published figures in its tables allow, and shows the figures that decided.
#
# A claim names a quantity and what is to be expected of it: a direction, a bound or a range, as its
# source has it and never widened to fit. It is *reproduced* when every comparison is as expected:
# every seed of every task, or every pair of rows of a table. It is *partly* reproduced when only
# the mean is, or only some of the tasks or groups. Else it is *not reproduced*. A claim whose
# method or task does not exist here yet is *not testable here*, and is tested as soon as it does.

# %% tags=["parameters"]
task = "digits"
methods = "all"
seed = 0
profile = "quick"

# %% tags=["hide"]
from IPython.display import Markdown, display

from qnnlab.lab import sweep
from qnnlab.lab.claims import SECTIONS, scorecard
from qnnlab.lab.study import study_specs
from qnnlab.report import scorecard as exhibits

# %% [markdown]
# ## The scorecard
#
# Claims about methods are decided by this report's runs, which are kept and reused; those about
# hardware, frameworks and published models by the tables. A claim that is decided both ways stands
# here twice, so that a published result and our own can be told apart.

# %%
records = sweep(study_specs(task, methods, seed, profile), retry_failed=False).records
verdicts = scorecard(records, profile)
exhibits.counts_table(verdicts)

# %% [markdown]
# A strict rule has its price: where two methods are equally good, a single test sample can decide
# whether one is "at least as accurate" on a seed. The figures below tell such a miss from a real
# one.

# %% [markdown]
# ## Section by section
#
# First what is claimed and what came out of it; then every figure that led to the verdicts, with
# its kind and source.

# %%
for section in SECTIONS:
    of_section = [verdict for verdict in verdicts if verdict.claim.section == section]
    if not of_section:
        continue
    display(Markdown(f"### Section {section}"))
    caption = f"Section {section}: {exhibits.counts_text(of_section)}"
    display(exhibits.scorecard_table(of_section, caption))
    figures = exhibits.figures_table(of_section)
    if figures is not None:
        display(figures)
