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
# # The review's map
#
# A review orders a field. This one sorts the ways to make a network small into groups and names
# the methods of each. The map below is that order as data: open a group, open a method, and see
# what is known of it, where it was published, and whether this package can run it.

# %% tags=["parameters"]
task = "digits"
methods = "all"
seed = 0
profile = "quick"

# %% tags=["hide"]
from qnnlab import survey
from qnnlab.methods import RECIPES
from qnnlab.report.atlas import review

# %% [markdown]
# ## How much of it runs
#
# A method that nobody can run is a claim; one that runs can be tested. Each box stands for one
# entry of the taxonomy. A filled box has a recipe in this package, so that the
# [methods comparison](01_methods_compared.ipynb) measures it on this machine. The count follows
# the recipes: a new recipe fills its box.

# %%
entries = review.mark_runnable(survey.taxonomy(), survey.methods(), RECIPES)
review.taxonomy_overview(entries)

# %% [markdown]
# The basics of Section II (per-channel or per-tensor scales, static or dynamic ranges, training
# with quantization in mind) are not entries of the taxonomy: it starts where the textbook ends.
# That is why most recipes so far count little here.
#
# ## The entries
#
# A group tells how many entries it holds and how many of them run. An entry tells who proposed
# it, which bit widths it is for, whether it needs training or data, and its references. Two
# methods stand in two groups, because they answer two questions: HAQ and REx.

# %%
review.taxonomy_tree(entries, survey.methods(), review.reference_texts(survey.references()))

# %% [markdown]
# ## What earlier surveys cover
#
# A new survey has to say what the others leave out. Each row is a survey, each column an aspect;
# the darker, the more it covers. Read down the columns: quantization is covered often, alternative
# number formats rarely, and accelerators hardly ever. The judgement is the review's own.

# %%
scope = survey.scope()
labels = review.reference_labels(survey.references(), scope["survey"])
review.scope_matrix(scope, labels | {"abushahla2025quantized": "the review itself"})
