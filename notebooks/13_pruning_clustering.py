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
# # Pruning and clustering, honestly
#
# Pruning sets weights to zero, clustering lets them share a few values. Both make a model that
# *could* be stored in fewer bytes, by someone who decodes it. What lies in a microcontroller's
# flash is what its runtime reads, and neither LiteRT nor TFLM reads a sparse or a coded weight. So
# every saving below is counted twice: as the storage form promises, and as the runtime pays.
#
# - *Unstructured* pruning removes any weight; *2:4* two of each four; *blocks* four at a time.
# - *Filters* removed whole leave a smaller dense network: fewer weights, fewer multiplications.
# - *Clustering* stores indices into a table of 16 values a layer.

# %% tags=["parameters"]
task = "ecg"
compared = [
    "float32",
    "ptq_w8a8_pc_minmax",
    "prune_magnitude_s80_w8a8",
    "prune_own_s80_w8a8",
    "prune_nm24_w8a8",
    "prune_block1x4_s80_w8a8",
    "prune_filters_s50_w8a8",
    "cluster_c16_w4a8",
    "cluster_c16_w8a8",
    "qat_tfmot_pcqat_w8a8",
]
seed = 0
profile = "quick"
repeats = 1

# %% tags=["hide"]
from IPython.display import display

from qnnlab.lab import Spec, sweep
from qnnlab.report.method_claims import claims_table
from qnnlab.report.method_exhibits import Column, figures_of, method_table
from qnnlab.report.method_figures import RUNTIME, STORED_FORMS, stored_figure
from qnnlab.targets import KB

# %% [markdown]
# ## The runs

# %%
records = sweep(
    [
        Spec(task, method, seed=seed + i, profile=profile).check()
        for method in dict.fromkeys(compared)
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
# ## Sparsity, accuracy and what the device pays
#
# Zeros are free only in the columns that do not move: file, arena and multiplications of an
# unstructured pruned model are those of the dense one. Removed filters move all three.

# %%
method_table(
    records,
    [
        Column("weight_zero_pct", "weights that are 0", "%"),
        Column("macs", "MACs", "thousands", divisor=1000),
        Column(RUNTIME, "weights in flash", "kB", divisor=KB),
        Column("file_bytes", "file", "kB", divisor=KB),
        Column("arena_bytes", "arena", "kB", divisor=KB),
    ],
    "What the runtime uses, mean over the seeds (1 kB is 1,024 B).",
)

# %% [markdown]
# ## Bytes, form by form
#
# The same weights written in six ways. A marker left of the bar's end is a saving that needs a
# decoder; a download has one, flash that is executed in place has none.

# %%
stored_figure(records)

# %%
method_table(
    records,
    [
        *(Column(name, form, "kB", divisor=KB) for name, form in STORED_FORMS.items()),
        Column(RUNTIME, "in flash", "kB", divisor=KB),
    ],
    "Bytes of the weights by storage form, mean over the seeds (1 kB is 1,024 B).",
    score=False,
)

# %% [markdown]
# ## What was left alone
#
# A pattern does not fit every layer, and a layer left whole keeps its bytes.

# %%
told = [record for record in records if "unpruned_layers" in figures_of(record)]
if told:
    display(
        method_table(
            told,
            [Column("unpruned_layers", "layers left whole, and why")],
            "Layers that pruning leaves as they are.",
            score=False,
        )
    )
else:
    print("No method among the runs says which layers it left whole.")

# %% [markdown]
# ## What the review says, what we measured

# %%
claims_table(
    [
        "pruned-float-file-not-smaller",
        "pruned-int8-file-not-smaller",
        "pruned-arena-not-smaller",
        "pruned-macs-not-fewer",
        "pruned-download-smaller",
        "pruned-firmware-not-smaller-published",
        "pruned-firmware-not-faster-published",
        "clustered-file-not-smaller",
        "clustered-firmware-not-smaller-published",
    ],
    records,
    profile,
)
