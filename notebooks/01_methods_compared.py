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
# # Methods compared
#
# What does it cost to make a network small enough for a microcontroller? This notebook runs each
# method on one task through the real tools, measures what comes out, and draws which methods are
# beaten by no other.
#
# A quantized network stores a real number $r$ as a small integer $q$:
#
# $$r = s \, (q - z)$$
#
# with a *scale* $s$ and a *zero point* $z$. With 8 bits the weights take a quarter of the bytes of
# float32, and a microcontroller multiplies integers faster than floats. The question is what that
# costs in accuracy, and whether a method that trains with quantization in mind (QAT) is worth its
# training over one that only converts (PTQ).

# %% tags=["parameters"]
task = "digits"
methods = "all"
seed = 0
profile = "quick"

# %% tags=["hide"]
from IPython.display import display

from qnnlab.lab import sweep
from qnnlab.lab.comparison import BASELINE
from qnnlab.lab.study import study_specs, summarise
from qnnlab.report import plots, tables
from qnnlab.tasks import load_task

# %% [markdown]
# ## The task
#
# Every comparison stands on its data. The test split decides nothing but the figures below: no
# method saw it in training or calibration. The calibration samples give post-training
# quantization the ranges of the activations, so they come from the training split.

# %%
definition, data = load_task(task)
tables.task_table(definition, data)

# %% [markdown]
# ## The runs
#
# One run is a task, a method and a seed. Runs are kept in the run store and reused; what is missing
# is run now. A run that failed is named below and left out of the figures; `qnnlab report` and
# `qnnlab run` try it again.

# %%
specs = study_specs(task, methods, seed, profile)
records = sweep(specs, retry_failed=False).records
summary = summarise(records)
for record in records:
    if not record.ok:
        print(f"{record.spec} failed: {record.reason}")
print(f"{sum(r.ok for r in records)} of {len(records)} runs finished, {len(summary)} methods")
assert len(summary), "no run finished"

# %% [markdown]
# ## Does it run, and is the answer the same?
#
# An accuracy means little if the device computes something else than the computer did. Each model
# is run on three interpreters: LiteRT with its plain reference kernels, LiteRT with the XNNPACK
# kernels that a phone or a PC uses, and TensorFlow Lite Micro (TFLM), which is what runs on a
# microcontroller. Outputs are compared for equality. Interpreters round differently, so an integer
# model can differ by a code or a few and, rarely, in its decision.

# %%
tables.answers_table(summary, records)

# %% [markdown]
# ## Accuracy against memory
#
# A microcontroller has two memories, and a model needs both: flash holds the file, RAM holds the
# activations while they are needed (the *arena*). Smaller is better on both axes, higher is better
# on the vertical one. A method on the Pareto front is beaten by nobody: whoever is smaller is less
# accurate. Keep an eye on the bars: where they overlap, the order of two methods may be chance.

# %%
plots.accuracy_against_cost(summary, records)

# %%
tables.figures_table(summary, records)

# %% [markdown]
# ## Against the baseline
#
# The same figures, as differences and shares. Dynamic-range quantization stores int8 weights but
# computes with float activations: it saves flash and no RAM. Sixteen-bit activations cost twice
# the arena of 8-bit ones. Per-tensor quantization has one scale for a whole weight tensor instead
# of one a channel: a smaller file, and more error where channels differ in range.

# %%
if BASELINE in summary.index and len(summary) > 1:
    display(tables.baseline_table(summary, records))
else:
    print("The float32 baseline is not among the methods; nothing to compare with.")

# %% [markdown]
# ## What pruning really saves
#
# Pruning sets most weights to zero. A compressed download gets much smaller, but neither LiteRT
# nor TFLM skips zeros: they keep the dense tensor in flash and multiply by every zero. The saving
# is real only where a runtime or an accelerator stores and executes sparsely.

# %%
plots.stored_bytes(summary, records)
