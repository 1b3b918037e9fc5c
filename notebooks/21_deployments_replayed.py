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
# # Deployments replayed
#
# The survey lists 28 deployments with their latency, power and memory. For each whose work can be
# stated or bounded from its own paper, the cost models say what that device would need. Where the
# two disagree, one of them is wrong, and it is worth to know which.

# %% tags=["hide"]
from qnnlab.report.deployment_exhibits import (
    findings_table,
    replay_figure,
    replay_table,
    suspects_table,
)

# %% [markdown]
# ## Published on predicted
#
# Few papers state the MACs of their network. Where only the memory is printed, each stored weight
# is used at least once per inference: a bound from below. A published latency above it is not
# contradicted, and no more can be said. Where both bounds are known, agreement means something.

# %%
replay_figure()

# %%
replay_table()

# %% [markdown]
# ## Cells that can't be right
#
# Four kinds of checks look at every row, without knowing what readers flagged before: can the
# engine do so many MACs in that time; does any such chip draw that power while it computes; does
# the chip have that memory; are there as many values as devices.

# %%
findings_table()

# %% [markdown]
# ## And those that were known
#
# Readers of the tables had flagged some cells. The checks find most of them on their own.

# %%
suspects_table()
