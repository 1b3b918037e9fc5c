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
# # Which chip for my model?
#
# One model, all platforms of the catalog: where it fits, how fast it would run, how much energy an
# inference takes, how long a battery lasts, and what limits it. `qnnlab report model.tflite` makes
# this page for a model of your own.

# %% tags=["parameters"]
model = "kws_ref_model.tflite"
latency_ms = None
energy_mj = None
family = None
price = None
inferences_an_hour = 60
emulate = False

# %% tags=["hide"]
from pathlib import Path

from IPython.display import display

from qnnlab.files import resource
from qnnlab.graph.tflite import read_tflite
from qnnlab.lab.fitting import Question, fit_subject, subject_of
from qnnlab.report.memory_exhibits import timeline_figure
from qnnlab.report.target_exhibits import (
    battery_table,
    landscape_figure,
    published_table,
    ranking_figure,
    ranking_table,
    work_table,
)
from qnnlab.targets.rank import Limits

path = Path(model) if Path(model).exists() else resource("data/mlperf_tiny/models") / model
question = Question(Limits(family, latency_ms, energy_mj, price))

# %% [markdown]
# ## What the model asks for
#
# Kinds of work cost differently: a MAC of a depthwise convolution takes several times the cycles of
# one of a 1 × 1 convolution, because little that was loaded is used again.

# %%
subject = subject_of(path)
work_table(subject)

# %%
timeline_figure(read_tflite(path), path.name)

# %% [markdown]
# ## Where it would run, and how fast
#
# A latency is estimated from published results of other networks and chips. Its interval is as wide
# as it must be to hold the truth nine times in ten when results are predicted without their like.
# An interval is narrow where the core and the runtime are well known, and wide where only relatives
# of the core were ever measured. Of each platform, the best runtime that anybody can get is shown.

# %%
found = fit_subject(subject, question)
if emulate:
    from qnnlab.lab.emulated_fit import with_emulation

    found = with_emulation(found)
ranking_figure(found)

# %%
ranking_table(found)

# %% [markdown]
# ## Latency against energy
#
# Energy is latency times active power. Power comes from published energies with a stated supply
# voltage; where a chip has none, relatives of its core stand in, and the interval says so.

# %%
landscape_figure(found)

# %% [markdown]
# ## On a battery
#
# A device that thinks seldom sleeps most of the time: the lower the rate, the more its sleep
# current decides. Sleep currents are quoted from data sheets; platforms without one are left out.

# %%
battery_table(found, inferences_an_hour)

# %% [markdown]
# ## Published beside predicted
#
# Where the model is one of MLPerf Tiny's networks, its published results lie beside the prediction.

# %%
beside = published_table(found)
if beside is None:
    print("This network has no published results.")
else:
    display(beside)
