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
# # The affine quantizer
#
# A microcontroller multiplies integers. To run on it, a network's real numbers become small
# integers: a real number $r$ is stored as a *code* $q$, and the two are tied by a *scale* $s$ and
# a *zero point* $z$:
#
# $$r = s \, (q - z)$$
#
# Codes are whole numbers, so the reals that they stand for lie evenly spaced, $s$ apart, like the
# marks of a ruler. $z$ is the code whose mark is 0. To quantize is to take the nearest mark, and
# the last one for whatever lies beyond:
#
# $$q = \mathrm{clip}\left(\mathrm{round}(r / s) + z,\; q_{low},\; q_{high}\right)$$
#
# That makes two errors. *Rounding* costs at most half a scale; *saturation* costs whatever lies
# beyond the last mark. A shorter range has finer marks and cuts off more. All of calibration is
# this one trade.

# %% tags=["parameters"]
task = "ecg"
bits = 4
seed = 0
profile = "quick"

# %% tags=["hide"]
from qnnlab.lab import Spec, sweep
from qnnlab.lab.reference import fit_reference
from qnnlab.methods.network.keras_model import outputs_of_nodes
from qnnlab.methods.network.reading import read_network
from qnnlab.report import quantizer_exhibits as exhibits
from qnnlab.report.bit_explorer import Subject, explorer
from qnnlab.report.exhibits import Provenance
from qnnlab.report.method_claims import claims_table
from qnnlab.tasks import TASKS, load_task

# %% [markdown]
# ## A trained network's numbers
#
# The kernel and the activation below come from the task's reference network, batch norms folded in
# as a converter does it: the layer with the most weights, and what the first ReLU gives for the
# calibration samples.

# %%
network = read_network(fit_reference(task, profile, seed).model()).folded()
outputs = outputs_of_nodes(network, load_task(task, profile)[1].x_calibration)
layer = max(network.computing(), key=lambda index: network.nodes[index].weights.size)
rectified = next(i for i in network.computing() if network.never_negative(i))
name, weights = network.nodes[layer].name, network.nodes[layer].weights
source = f"{task} ({TASKS[task].origin} data), float32 network, seed {seed}, profile {profile}"
kernel = Subject(f"kernel of {name}", weights, axis=weights.ndim - 1)
activation = Subject(f"output of {network.nodes[rectified].name}", outputs[rectified])
if network.nodes[layer].kind == "depthwise":
    kernel = Subject(kernel.name, weights, axis=2)
print(f"{name}: {weights.size:,} weights of shape {'×'.join(map(str, weights.shape))}")

# %% [markdown]
# ## Move the bits
#
# Move the slider (arrow keys work, too). With each bit the marks double, the error halves and the
# signal stands 6 dB further above the noise. Then try the switches: at 8 bits they hardly matter,
# at 3 or 4 they decide. Look at the output of a ReLU with a symmetric range, which spends half its
# codes on values that never occur; and at 1 bit, where an affine grid has two marks and one of them
# is 0.

# %%
explorer(
    [kernel, activation], [Provenance("values, errors and SQNR", "", "measured", source)], bits
)

# %% [markdown]
# ## Six decibels a bit
#
# If values spread evenly over a cell of the grid, the error's mean square is $s^2 / 12$. One bit
# more halves $s$, which divides the noise power by four: $10 \log_{10} 4 = 6.02$ dB. A signal that
# fills its range evenly lies on the line. Weights are bell-shaped, so a min–max range wastes codes
# on rare large values and the curve runs parallel, but lower. At few bits the rule breaks: cells
# are so wide that values no longer spread evenly in them, and most of a tensor rounds to 0.

# %%
exhibits.sqnr_figure([kernel, activation], source)

# %% [markdown]
# ## Which integers
#
# Two's complement has one more negative number than positive ones. Kernels leave it out (*narrow*):
# the range is symmetric, and $z = 0$ saves a sum for every output. Activations keep all codes and a
# zero point, because a ReLU's output is one-sided.

# %%
exhibits.ranges_table(bits)

# %% [markdown]
# ## Zero must be exact
#
# Padding adds zeros and ReLU makes them. If 0 had no code, each of them would carry the same error,
# and errors that are all alike do not cancel in a sum: every border of a picture would be off by a
# constant. So the range is stretched to hold 0, and $z$ is rounded to a whole code.

# %%
exhibits.zero_table(outputs[0], f"the network's input; {source}")

# %% [markdown]
# ## Rounding
#
# Rounding down shifts every value by half a scale on average, and a layer adds hundreds of them.
# Rounding to nearest has no shift; its ties go to even codes (or away from zero, as TFLite has it),
# which rarely matters for real weights. Stochastic rounding rounds up with the probability of the
# fraction: it keeps the mean even of values below half a scale, which helps training, and doubles
# the noise power.

# %%
exhibits.rounding_table(weights, bits, source, seed)

# %% [markdown]
# ## Levels that are not evenly spaced
#
# A codebook lists its levels. Powers of two turn products into shifts, and crowd near 0; sums of
# two of them (APoT) spread better; k-means puts levels where this kernel's weights are;
# NormalFloat4 puts them at quantiles of a normal distribution. Levels in powers of two buy cheap
# products with error; those that follow the weights buy less error with a price of their own:
# integer kernels multiply codes, and a code of a codebook must be looked up first.

# %%
exhibits.codebooks_table(weights, source)

# %% [markdown]
# ## Packing
#
# Fewer bits are fewer bytes only where a runtime stores codes back to back.

# %%
exhibits.packing_table(weights, source)

# %% [markdown]
# ## What the review says, what we measured
#
# The claims on basic quantization that these runs can decide, and what is published on them.

# %%
methods = (
    "float32",
    "ptq_w8a8_pc_minmax",
    "ptq_w8a8_pt_minmax",
    "ptq_w8a8sym_pc_minmax",
    "ptq_w4a8_pc_minmax",
)
specs = [Spec(task, method, seed=seed, profile=profile) for method in methods]
records = sweep(specs, retry_failed=False).records
claims_table(
    [
        "int8-ptq-near-float",
        "int8-weights-quarter",
        "asymmetric-above-symmetric",
        "asymmetric-above-symmetric-published",
        "four-bit-ptq-costs-more",
        "four-bit-ptq-costs-more-published",
        "powers-of-two-near-float-published",
        "additive-powers-above-uniform-published",
    ],
    records,
    profile,
)
