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
# # Calibration and granularity
#
# A quantizer needs a range. For weights it can be read off; activations depend on the input, so
# *calibration* runs some training samples through the float network and looks. Two questions decide
# what a few bits are worth: how far the range should reach (the *observer*), and how many numbers
# share one scale (the *granularity*).

# %% tags=["parameters"]
task = "ecg"
bits = 4
seed = 0
profile = "quick"

# %% tags=["hide"]
from IPython.display import display

from qnnlab.lab import Spec, sweep
from qnnlab.lab.reference import fit_reference
from qnnlab.lab.study import metric_of, summarise
from qnnlab.methods.network.keras_model import outputs_of_nodes
from qnnlab.methods.network.reading import read_network
from qnnlab.report import calibration_exhibits as exhibits
from qnnlab.report import plots, tables
from qnnlab.report.method_claims import claims_table
from qnnlab.tasks import TASKS, load_task
from qnnlab.tasks.metrics import METRIC_TITLES

# %% [markdown]
# ## Where the range ends
#
# Six observers look at the same activations. *Min–max* keeps all. *Moving average* averages the
# extremes of batches. *Percentile* drops a fixed share at the ends. *Least squares* (MSE) and
# *OCTAV* minimise the error, rounding and saturation together; the first tries ranges, the second
# solves for the clip. *KL* loses the least information about the histogram.

# %%
network = read_network(fit_reference(task, profile, seed).model()).folded()
outputs = outputs_of_nodes(network, load_task(task, profile)[1].x_calibration)
source = f"{task} ({TASKS[task].origin} data), float32 network, seed {seed}, profile {profile}"
relus = [index for index in network.computing() if network.never_negative(index)]
activations = {network.nodes[index].name: outputs[index] for index in relus[:6]}
exhibits.observer_ranges_figure(activations, bits, source)

# %% [markdown]
# ## The error, by observer and bits
#
# Below is the activation of the last ReLU layer. At 8 bits the marks are so fine that cutting
# anything off costs more than it gives, and min–max is good enough. At 4 bits and below rounding is
# the larger error, and a shorter range pays. No measure is the task's own: the network's accuracy,
# further down, is.

# %%
last = network.nodes[relus[-1]].name
values = outputs[relus[-1]]
exhibits.observer_table(values, (8, 4, 3, 2), f"output of {last}; {source}")

# %% [markdown]
# ## Why min–max fails at few bits
#
# The largest activation of all calibration samples sets a min–max range. With 256 codes there are
# enough left for the rest; with 16 most values share the lowest codes.

# %%
exhibits.codes_figure(values, bits, f"output of {last}; {source}")

# %% [markdown]
# ## KL and the bin of zero
#
# The KL observer compares histograms. After a ReLU the bin of zero holds a large share of all
# values, and these lose nothing under any scale, as 0 is a code always. Counted as they are, they
# would say that every cut is harmless, and pull the range down to almost nothing.

# %%
exhibits.zero_bin_figure(values, bits, f"output of {last}; {source}")

# %% [markdown]
# ## Granularity
#
# Channels of one kernel differ in range, most of all once batch norms are folded in. One scale for
# the tensor must fit the widest channel and is too coarse for the others. A scale a channel costs
# four bytes each and no time, as it joins the output's own scale. A scale a *group* of weights is
# finer still, but the sum of a channel must then be taken in pieces, which integer kernels on
# microcontrollers don't do.

# %%
kernels = {
    network.nodes[index].name: (
        network.nodes[index].weights,
        2 if network.nodes[index].kind == "depthwise" else network.nodes[index].weights.ndim - 1,
    )
    for index in network.computing()
}
exhibits.granularity_figure(kernels, bits, 16, source)

# %% [markdown]
# ## What it does to accuracy
#
# The same choices in whole networks, run on the real interpreters. First 4-bit activations under
# each observer, then 4-bit weights by granularity and observer, then 8 bits.

# %%
observers = ("minmax", "percentile", "mse", "kl", "octav")
methods = [
    "float32",
    *(f"ptq_w4a4_pc_mse_a{observer}" for observer in observers),
    *(f"ptq_w4a8_{grain}_{o}" for grain in ("pt", "pc") for o in ("minmax", "percentile", "mse")),
    *(f"ptq_w8a8_pc_{observer}" for observer in ("minmax", "percentile", "mse")),
    "ptq_w8a8_pt_minmax",
]
specs = [Spec(task, method, seed=seed, profile=profile) for method in methods]
records = sweep(specs, retry_failed=False).records
for record in records:
    if not record.ok:
        print(f"{record.spec} failed: {record.reason}")
summary = summarise(records)
assert len(summary), "no run finished"
metric = metric_of(records)
title = METRIC_TITLES[metric]
display(
    exhibits.accuracy_figure(summary, metric, title, plots.provenance(records, {metric: title}))
)

# %%
tables.figures_table(summary, records)

# %% [markdown]
# ## What the review says, what we measured
#
# One seed of one task decides these verdicts here; the page on claims has more.

# %%
claims_table(
    [
        "per-channel-not-below-per-tensor",
        "per-channel-above-per-tensor-published",
        "per-channel-helps-depthwise-more",
        "calibration-little-at-8",
        "calibration-little-at-8-published",
        "calibration-matters-at-4",
        "calibration-matters-at-4-published",
        "data-free-near-calibrated",
    ],
    records,
    profile,
)
