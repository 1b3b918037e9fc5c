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
# # QAT: who learns the scale
#
# Quantization-aware training rounds in the forward pass and lets the gradient through as if it had
# not (the straight-through estimator). The methods differ in who decides where the codes lie:
#
# | method | weights' scale | activations' range | source |
# |---|---|---|---|
# | STE | follows the largest weight | calibrated, fixed | arXiv:1308.3432 |
# | DoReFa | follows the squashed weights | calibrated, fixed | arXiv:1606.06160 |
# | PACT | as DoReFa | its upper end is learned | arXiv:1805.06085 |
# | LSQ | learned | learned | arXiv:1902.08153 |
# | LSQ+ | learned | learned, with its zero point | arXiv:2004.09576 |

# %% tags=["parameters"]
task = "ecg"
bits = ["w4a4", "w3a3", "w2a2", "w2a8"]
seed = 0
profile = "quick"
repeats = 1

# %% tags=["hide"]
from qnnlab.lab import RunStore, Spec, sweep
from qnnlab.report.method_claims import claims_table
from qnnlab.report.method_exhibits import (
    Column,
    best_table,
    bits_table,
    ladders,
    method_table,
    methods_of,
    quoted_table,
)
from qnnlab.report.method_figures import bits_figure, curves_figure
from qnnlab.targets import KB
from qnnlab.tasks import TASKS

# %% [markdown]
# ## The runs
#
# Each starts from the same float model and fine-tunes for a few epochs; input and outputs keep
# 8 bits. "Distilled" learns from the float model's answers beside the labels. tfmot is TensorFlow's
# own tool, which trains for 8 bits.

# %%
qat = ladders(
    {
        "STE": "qat_ste_{}",
        "DoReFa": "qat_dorefa_{}",
        "PACT": "qat_pact_{}",
        "LSQ": "qat_lsq_{}",
        "LSQ+": "qat_lsqplus_{}",
    },
    bits,
)
distilled = {"LSQ, distilled": ladders({"": "qat_lsq_{}_kd"}, [bits[0], bits[-1]])[""]}
tfmot = {"tfmot": {"W8A8": "qat_tfmot_w8a8"}}
ptq = ladders(
    {"rounded, MSE": "ptq_{}_pc_mse", "block reconstruction": "ptq_brecq_{}_pc_mse"}, bits
)
trained = tfmot | qat | distilled
methods = ["float32", "ptq_w8a8_pc_minmax", *methods_of(trained), *methods_of(ptq)]
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

# %%
bits_figure(records, trained)

# %%
bits_table(records, trained)

# %% [markdown]
# ## Learning
#
# A method that starts high has lost much to rounding; how soon it is down tells what training can
# mend. The distilled run has another loss and is left out.

# %%
store = RunStore()
width = bits[0].upper()
curves_figure(records, store, {line: names[width] for line, names in qat.items() if width in names})

# %% [markdown]
# ## Against the best PTQ
#
# Training is worth its cost where post-training quantization gives up.

# %%
best_table(records, {"PTQ": ptq, "QAT": qat}, bits)

# %% [markdown]
# ## What reaches the device
#
# QAT trains on fake quantization in floats and is deployed in integers.

# %%
metric = TASKS[task].metric
method_table(
    [record for record in records if record.spec.method in methods_of(qat | distilled)],
    [
        Column(f"{metric}_fake_quant", "fake quantization", "%"),
        Column(f"{metric}_integer", "integers", "%"),
        Column("integer_gap", "gap", "points", 2),
        Column("packed_weight_bytes", "weights, packed", "kB", divisor=KB),
    ],
    "The trained model as trained and as integers, mean over the seeds.",
    score=False,
)

# %% [markdown]
# ## Beside published figures
#
# What others report, on other networks and mostly on ImageNet. A positive number is above the
# float model.

# %%
quoted_table(
    records,
    trained,
    {
        "DoReFa": ["dorefa"],
        "PACT": ["pact"],
        "LSQ": ["lsq"],
        "LSQ+": ["lsq_plus"],
        "tfmot": ["qat_jacob"],
    },
)

# %% [markdown]
# ## What the review says, what we measured

# %%
claims_table(
    [
        "qat-not-below-ptq",
        "qat-above-ptq-published",
        "four-bit-qat-near-8-bit-published",
        "learned-scales-above-fixed-published",
        "learned-scales-above-fixed-4",
        "learned-scales-above-fixed-2",
    ],
    records,
    profile,
)
