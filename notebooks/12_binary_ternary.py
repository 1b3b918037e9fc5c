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
# # Binary and ternary
#
# With one bit a weight is −1 or 1, with two (of which three codes are used) −1, 0 or 1. There is
# nothing left to multiply: a sum of activations with signs, and one scale a channel.
#
# | method | codes | scale | source |
# |---|---|---|---|
# | XNOR-Net weights | −1, 1 | mean magnitude | arXiv:1603.05279 |
# | TWN | −1, 0, 1; zero below 0.7 of the mean magnitude | mean of the rest | arXiv:1605.04711 |
# | TTQ | −n, 0, p; zero below 0.05 of the largest | learned, one for each sign | arXiv:1612.01064 |
# | BitNet b1.58 | −1, 0, 1 by rounding | mean magnitude | arXiv:2402.17764 |
# | LSQ | −1, 0, 1 | learned | arXiv:1902.08153 |

# %% tags=["parameters"]
task = "ecg"
layer = ""
seed = 0
profile = "quick"
repeats = 1

# %% tags=["hide"]
from qnnlab.graph.integer.file import load_graph
from qnnlab.lab import RunStore, Spec, fit_reference, sweep
from qnnlab.lab.experiment import GRAPH
from qnnlab.report.method_claims import claims_table
from qnnlab.report.method_exhibits import Column, method_table
from qnnlab.report.method_figures import codes_figure, float_picture, integer_picture
from qnnlab.targets import KB

# %% [markdown]
# ## The runs
#
# All activations have 8 bits, so that the weights alone are judged. Every layer is binary or
# ternary, the first and the last too; networks in the literature mostly spare those.

# %%
few_bits = ["qat_xnor_w1a8", "qat_twn_w2a8", "qat_ttq_w2a8", "qat_b158_w2a8", "qat_lsq_w2a8"]
methods = ["float32", "ptq_w8a8_pc_minmax", *few_bits]
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
# ## What the codes are
#
# One layer of the float model, and what the same weights became. TTQ's two levels are integers of
# a codebook: the codes take two bits, the values that they stand for are learned.

# %%
store = RunStore()
shown = [
    record
    for record in records
    if record.ok and record.spec.seed == seed and record.spec.method in few_bits
]
graphs = [load_graph(store.path(record.key, GRAPH)) for record in shown]
names = [op.name for op in graphs[0].ops if op.weights is not None] if graphs else []
layer = layer or names[1]
codes_figure(
    [
        float_picture(fit_reference(task, profile, seed), layer),
        *(integer_picture(record, store, layer) for record in shown),
    ],
    layer,
)

# %% [markdown]
# ## Accuracy, and the bytes really stored
#
# A .tflite file has no type for one or two bits: it holds each code in a byte, and the file is as
# large as an int8 one. Packed, the codes take what their name promises. The whole packed file adds
# scales, biases and the description of the network, which small networks feel.

# %%
method_table(
    records,
    [
        Column("weight_bytes", "weights in the .tflite file", "kB", divisor=KB),
        Column("packed_weight_bytes", "weights, packed", "kB", divisor=KB),
        Column("file_bytes", ".tflite file", "kB", divisor=KB),
        Column("qnn_bytes", "packed file", "kB", divisor=KB),
        Column("weight_zero_pct", "weights that are 0", "%"),
    ],
    "Few-bit weights: score and bytes, mean over the seeds (1 kB is 1,024 B).",
)

# %% [markdown]
# ## What the review says, what we measured

# %%
claims_table(
    [
        "binary-weights-cost-accuracy",
        "binary-weights-cost-accuracy-published",
        "binary-weights-bytes",
        "binary-weights-save-less-than-8x-published",
        "binary-activations-cost-more-published",
        "ternary-above-binary",
    ],
    records,
    profile,
)
