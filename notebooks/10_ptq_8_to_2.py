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
# # PTQ from 8 bits to 2
#
# Post-training quantization takes a trained network, no labels and a few minutes. At 8 bits simple
# rounding does; below it, how the weights are rounded decides. This page goes down bit by bit.
#
# | method | what it does | arXiv |
# |---|---|---|
# | rounded, min–max | to the nearest code; the scale spans the largest weight | 1806.08342 |
# | rounded, MSE | the scale may clip large weights, for a smaller squared error | 1806.08342 |
# | + bias correction | the mean shift that rounding causes goes into the bias | 1906.04721 |
# | error compensation | what one weight's rounding breaks, the next repair (GPTQ) | 2210.17323 |
# | AdaRound | up or down is learned, layer by layer | 2004.10568 |
# | block reconstruction | the same over residual blocks (BRECQ) | 2102.05426 |

# %% tags=["parameters"]
task = "ecg"
bits = ["w8a8", "w4a8", "w3a8", "w2a8", "w4a4"]
seed = 0
profile = "quick"
repeats = 1

# %% tags=["hide"]
from contextlib import redirect_stdout
from dataclasses import replace
from io import StringIO

import numpy as np
import pandas as pd

from qnnlab.graph.integer.execute import dequantize_output, quantize_input, run_integer
from qnnlab.lab import Spec, fit_reference, sweep
from qnnlab.methods import RECIPES
from qnnlab.methods.network.nodes import as_matrix
from qnnlab.methods.network.quantized import to_integer_graph
from qnnlab.methods.network.reading import read_network
from qnnlab.methods.post_training.equalization import pairs
from qnnlab.methods.post_training.quantize import quantize_network
from qnnlab.report.exhibits import Provenance, Table
from qnnlab.report.formatting import sentence
from qnnlab.report.method_claims import claims_table
from qnnlab.report.method_exhibits import (
    Column,
    bits_table,
    ladders,
    method_table,
    methods_of,
)
from qnnlab.report.method_figures import bits_figure
from qnnlab.targets import KB
from qnnlab.tasks import load_task
from qnnlab.tasks.metrics import METRIC_TITLES, METRICS

# %% [markdown]
# ## The runs
#
# Weights have a scale a channel, activations one a tensor. All layers take the bits named, the
# first and the last too; only the network's input and its outputs stay at 8 bits.

# %%
lines = ladders(
    {
        "rounded, min–max": "ptq_{}_pc_minmax",
        "rounded, MSE": "ptq_{}_pc_mse",
        "+ bias correction": "ptq_{}_pc_mse_bias",
        "error compensation": "ptq_gptq_{}_pc_mse",
        "AdaRound": "ptq_adaround_{}_pc_mse",
        "block reconstruction": "ptq_brecq_{}_pc_mse",
    },
    bits,
)
tools = [
    "ptq_w8_dynamic",
    "ptq_w8a8_pc_minmax",
    "ptq_w8a16_pc_minmax",
    "ptq_aeq_w8a8",
    "ptq_aeq_w4a8",
]
methods = ["float32", *methods_of(lines), *tools]
records = sweep(
    [
        Spec(task, method, seed=seed + i, profile=profile).check()
        for method in dict.fromkeys(methods)
        for i in range(repeats)
    ],
    retry_failed=False,
).records
for record in records:
    if not record.ok:
        print(f"{record.spec} failed: {record.reason}")
print(f"{sum(record.ok for record in records)} of {len(records)} runs finished")
assert any(record.ok for record in records), "no run finished"

# %% [markdown]
# ## Accuracy against bits
#
# Read each line from left to right: the width at which it leaves the dashed float model is where
# the method ends. Lines join widths that differ in the weights alone.

# %%
bits_figure(records, lines)

# %%
bits_table(records, lines)

# %% [markdown]
# ## Integers against fake quantization
#
# Papers score a network whose weights are rounded and whose arithmetic is in floats: fake
# quantization. A device multiplies integers, rounds sums again and has biases in integers. The
# difference is the part of a published figure that does not reach the device.

# %%
definition, data = load_task(task, profile)
name = definition.metric
metric = sentence(METRIC_TITLES[name])
own = [record for record in records if record.spec.method in methods_of(lines)]
method_table(
    own,
    [
        Column(f"{name}_fake_quant", "fake quantization", "%"),
        Column(f"{name}_integer", "integers", "%"),
        Column("integer_gap", "gap", "points", 2),
        Column("identical_tflm~integer", "outputs equal to TFLM's", "%"),
    ],
    f"{metric} of the integer model and of its fake-quantized twin, mean over the seeds.",
    score=False,
)

# %% [markdown]
# ## The converters, and where their files run
#
# LiteRT's converter and ai-edge-quantizer write files that other people's runtimes must accept.
# A dash says that a runtime refuses the file, and its note says why.

# %%
method_table(
    [record for record in records if record.spec.method in ("float32", *tools)],
    [
        Column(f"{name}_litert_reference", "LiteRT", "%"),
        Column(f"{name}_litert_xnnpack", "XNNPACK", "%"),
        Column(f"{name}_tflm", "TFLM", "%"),
        Column("file_bytes", "file", "kB", divisor=KB),
        Column("arena_bytes", "arena", "kB", divisor=KB),
    ],
    f"The converters' modes: {metric} on each runtime, file and arena, mean over the seeds.",
    score=False,
)

# %% [markdown]
# ## Equalization
#
# With ReLU between two layers a channel of the first may be made $s$ times larger and the
# weights that read it $s$ times smaller: the function is the same. Per-tensor quantization does
# not see it so, because one scale must span all channels. Below, channels are rescaled by factors
# from 1/64 to 64, which no float model notices; then equalization
# ([arXiv:1906.04721](https://arxiv.org/abs/1906.04721), equation 11) evens the ranges out again.
# A scale a channel of the weights is no way out: activations still have one scale for all.


# %%
def unbalanced(network, rng):
    """The same function, its channels badly scaled: powers of two, so that floats stay exact."""
    for first, second in pairs(network):
        one, two = network.nodes[first], network.nodes[second]
        factor = 2.0 ** rng.integers(-6, 7, one.channels).astype(np.float32)
        kernel = (as_matrix(one.weights, one.channels) * factor).reshape(one.weights.shape)
        bias = None if one.bias is None else one.bias * factor
        scaled = two.weights / factor[:, np.newaxis]
        network = network.with_nodes(
            {first: replace(one, kernel=kernel, bias=bias), second: replace(two, kernel=scaled)}
        )
    return network


def score(network, method):
    """The metric (%) of the integer model that `method` makes of `network`."""
    x = data.x_calibration
    quantized = quantize_network(network, x, x, RECIPES[method].settings, seed, steps=0)
    graph = to_integer_graph(quantized)
    codes = run_integer(graph, quantize_input(graph, data.test.x))
    return METRICS[name](dequantize_output(graph, codes), data.test).value_pct


trained = read_network(fit_reference(task, profile, seed).model()).folded()
bad = unbalanced(trained, np.random.default_rng(seed))
contenders = {
    "int8 per tensor": "ptq_w8a8_pt",
    "equalized, per tensor": "ptq_w8a8_pt_cle",
    "int8 per channel": "ptq_w8a8_pc",
}
networks = {"as trained": trained, "channels badly scaled": bad}
# In a notebook TensorFlow prints a warning for each function that it does not compile.
with redirect_stdout(StringIO()):
    frame = pd.DataFrame(
        {
            column: {what: score(network, method) for what, network in networks.items()}
            for column, method in contenders.items()
        }
    )
frame.index.name = "network"
Table(
    frame,
    caption=(
        f"{metric} of int8 models of the same function, {len(pairs(trained))} pairs of layers "
        "rescaled; one seed."
    ),
    provenance=[Provenance(metric, "%", "measured", f"integer executor, {task}, test split")],
    units=dict.fromkeys(frame.columns, "%"),
    digits=dict.fromkeys(frame.columns, 1),
)

# %% [markdown]
# ## What the review says, what we measured

# %%
claims_table(
    [
        "int8-ptq-near-float",
        "int16x8-not-below-int8",
        "dynamic-range-refused-by-tflm",
        "four-bit-ptq-costs-more",
        "four-bit-ptq-costs-more-published",
        "calibration-matters-at-4",
        "calibration-matters-at-4-published",
        "learned-rounding-rescues-4-bit-published",
        "III-E",
    ],
    records,
    profile,
)
