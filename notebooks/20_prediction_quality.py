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
# # How good are the predictions?
#
# Every latency that this workbench predicts rests on a model fitted on published results: those of
# MLPerf Tiny, EdgeMark, TinyMaix and ESP-NN. A model is worth what it says of results that it has
# not seen. Here it is judged by leaving out, in turn, every system, chip, core, runtime, submitter,
# round and network.

# %% tags=["hide"]
from qnnlab.report.prediction_exhibits import (
    beside_table,
    calibration_table,
    costs_table,
    cv_figure,
    cv_table,
    instructions_table,
    power_table,
    residuals_figure,
    worst_table,
)

# %% [markdown]
# ## The model
#
# The cycles of a network are a sum over its kinds of work: MACs of convolutions, of 1 × 1
# convolutions, of depthwise convolutions and of matrix products, output elements, operators called.
#
# $$\text{cycles} = \sum_k c_k x_k, \qquad \log c_k = \text{base}_k + \sum_e \text{shift}_e$$
#
# Shifts belong to the class of the core, the core, the family of the runtime, the runtime, the
# pair of both, the chip and where its weights lie. Each has a prior around zero: a level that was
# seen once borrows from its relatives, one that was never seen is wide, not wrong. The fit is made
# anew whenever a row is added. Here are the costs that came out.

# %%
costs_table()

# %% [markdown]
# ## Out of sample
#
# What is left out decides how hard the question is. *System*: a new submission for a known chip.
# *Chip*: a chip that was never measured. *Core*: a core that was only counted in an emulator, if at
# all. *Network*: one of the four networks was never seen on anything.

# %%
cv_table()

# %%
cv_figure("chip")

# %%
cv_figure("submitter")

# %% [markdown]
# ## By core

# %%
residuals_figure()

# %% [markdown]
# ## The worst, named
#
# Many have a reason that can be read off the row: kernels for floats that no other row ran, two
# versions of one accelerator's kernels, cores of which one result was ever published.

# %%
worst_table()

# %% [markdown]
# ## Intervals
#
# The spread that a fit gives is too small, because the world differs in more ways than the model
# knows. It is stretched until nine truths in ten lie inside, in the strictest cross-validation.

# %%
calibration_table()

# %% [markdown]
# ## Ten chips
#
# The four networks on ten chips: what was published, what the model says, and what a fit says that
# saw nothing of that chip.

# %%
beside_table()

# %% [markdown]
# ## Energy
#
# Power is a chip's constant, in µA/MHz, times clock times voltage. Known chips are predicted well;
# a chip that was never measured is not: process and regulators differ more than cores do.

# %%
power_table()

# %% [markdown]
# ## From instructions to cycles
#
# Where code can be generated, instructions are counted in an emulator. How many cycles one takes is
# what published results of the same networks say, flash wait states included.

# %%
instructions_table()
