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
# # Deployment landscape
#
# What do people run on microcontrollers, how fast is it, and what does it cost in energy and
# memory? The review collects deployments from the literature: on ARM cores, on RISC-V cores, and
# on chips with a neural accelerator (NPU). Every figure here is quoted from its tables, with its
# doubts.

# %% tags=["parameters"]
task = "digits"
methods = "all"
seed = 0
profile = "quick"

# %% tags=["hide"]
from qnnlab import survey
from qnnlab.report.atlas import deployments, review
from qnnlab.survey.benchmarks import deployment_spans

# %% [markdown]
# ## Energy and latency
#
# Energy per inference decides how long a battery lasts, latency whether the answer comes in time.
# Both axes are logarithmic, since the deployments span orders of magnitude. A study that reports
# several models or devices gives a range, which is drawn as one: a bar from its lowest to its
# highest figure.
#
# Many studies state power instead of energy. Power times latency is then an estimate of the energy,
# and it is marked as one: power may include the board, and the latency may not be that of the
# moment when power was read.

# %%
landscape = survey.deployments()
labels = review.reference_labels(survey.references(), landscape["ref_key"])
deployments.latency_energy(landscape, labels)

# %% [markdown]
# Among the studies that state energy, those on accelerators lie below those on ARM cores, by
# orders of magnitude in the middle. That is not a fair race: the tasks differ, the networks differ,
# and whoever has an accelerator picks a network that suits it. Closest to a fair one is a study
# that measures the same network on both, and so stands in two families.
#
# ## Memory and latency
#
# The review counts memory as the flash that the model takes. A large model is not always a slow
# one: an accelerator runs some models of hundreds of kilobytes in a few milliseconds, while a plain
# core takes longer for a tenth of that.

# %%
deployments.latency_memory(landscape, labels)

# %% [markdown]
# ## The spans
#
# How far do the figures of one family reach? The first range leaves out cells that are doubtful
# and figures given as a limit; the second takes them all.

# %%
deployments.spans_table(deployment_spans())

# %% [markdown]
# ## Tables IV to VI
#
# All deployments. Choose a column's header to sort by it, once more to turn the order around; a
# range sorts by its low end. A number after a study's name leads to the note below the table that
# says what is doubtful; it is the same number as in the figures. Nothing doubtful is left out.

# %%
deployments.deployments_table(landscape, labels)
