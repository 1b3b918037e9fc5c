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
# # Platforms compared
#
# The survey compares thirteen microcontroller platforms in three families: ARM, RISC-V, and chips
# with a neural accelerator (NPU). The first question that an engineer asks of any of them is
# whether the model fits. This notebook answers it for the models of the methods comparison and for
# the reference models of the MLPerf Tiny benchmark, and says by how much.

# %% tags=["parameters"]
task = "digits"
methods = "all"
seed = 0
profile = "quick"

# %% tags=["hide"]
from qnnlab.files import resource
from qnnlab.lab import candidates, find_value, sweep
from qnnlab.lab.fitting import fit_model
from qnnlab.lab.study import metric_of, study_specs, summarise
from qnnlab.report import plots, tables
from qnnlab.report.prediction_exhibits import beside_table
from qnnlab.report.target_exhibits import landscape_figure, ranking_figure, ranking_table

# %% [markdown]
# ## What has to fit
#
# Flash holds the .tflite file and the interpreter's code. RAM holds the arena (activations and the
# interpreter's bookkeeping), its static data and its stack. The arena is measured by TFLM on this
# 64-bit machine: a microcontroller's bookkeeping is smaller, but kernels optimized for its core may
# need scratch buffers on top. The interpreter's own needs are those of the largest firmware that
# was built for the core. The application comes on top: what is left is for it.

# %%
records = sweep(study_specs(task, methods, seed, profile), retry_failed=False).records
summary = summarise(records)
assert len(summary), "no run finished; `qnnlab records` names the reasons"
models = candidates.from_summary(summary) + candidates.reference_models()
fits = candidates.fits_frame(models)
sources = tables.fit_sources(fits, find_value(records, "arena_bytes"))

# %% [markdown]
# ## Who fits where
#
# One row a model, one column a platform. Where a model does not fit, the number says what is
# missing; where it fits, how much is left of the scarcer memory. A question mark means that one of
# the two memories can't be judged and the other is large enough: TFLM refused the model, or the
# board, not the chip, decides how much flash there is.

# %%
plots.headroom_map(fits, sources)

# %% [markdown]
# ## One model in full
#
# The map shows only the scarcer memory. For the most accurate model that TFLM runs, here are both,
# on every platform. Platforms with an accelerator are judged here by the memory of their CPU: an
# accelerator's own memory and formats need its own compiler.

# %%
runnable = summary.dropna(subset=["arena_bytes"])
shown = runnable if len(runnable) else summary
best = shown.loc[shown[metric_of(records)].idxmax(), "title"]
tables.fit_table(fits, best, sources)

# %% [markdown]
# ## The tightest reference model
#
# The same table for the MLPerf Tiny model that misses a platform by most. It shows where the next
# step (a smaller model, fewer bits, another runtime) would pay.

# %%
references = fits[fits["candidate"].str.startswith("MLPerf")]
scarcest = references.loc[references["headroom_bytes"].idxmin()]
tables.fit_table(fits, scarcest["candidate"], sources)

# %% [markdown]
# ## How fast, and how much energy
#
# Fitting is the first question, time and energy the next. For the reference model that most
# platforms can hold, here is the whole catalog of platforms, not only the survey's thirteen: what
# was published is quoted, everything else is estimated from it, with an interval (see *How good are
# the predictions?*).

# %%
reference = fit_model(resource("data/mlperf_tiny/models/kws_ref_model.tflite"))
ranking_figure(reference)

# %%
landscape_figure(reference)

# %%
ranking_table(reference)

# %% [markdown]
# ## Ten chips beside what was published

# %%
beside_table()
