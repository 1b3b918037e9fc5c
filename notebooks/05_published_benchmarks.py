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
# # Published benchmarks
#
# Deployments differ in everything at once. A benchmark fixes the network and the data, so that
# what is left is the chip and the software. Three sources are drawn here: the MLPerf Tiny
# submissions, EdgeMark's comparison of frameworks, and the table that TinyEngine's authors
# publish. None of these figures was measured here: all are quoted. Each section says what its
# figures can carry.

# %% tags=["parameters"]
task = "digits"
methods = "all"
seed = 0
profile = "quick"

# %% tags=["hide"]
from qnnlab import survey
from qnnlab.report.atlas import benchmarks, frameworks
from qnnlab.survey.benchmarks import edgemark_pairs

# %% [markdown]
# ## MLPerf Tiny: what was submitted
#
# Four networks, run by vendors on their own boards with their own software, in five rounds. Some
# rows of later rounds repeat the files of an earlier one; they are counted once. Less than half
# state energy, and fewer still the voltage that it was measured at.

# %%
results = survey.load_table("mlperf_results")
benchmarks.mlperf_counts(results)

# %% [markdown]
# ## Latency by core and runtime
#
# *Can be compared:* runtimes on the same core and benchmark, since the network is the same.
# *Cannot:* one benchmark with another, which do different work; and cores with each other unless
# their clocks are kept in mind, for a row pools all clocks of its core. Hollow markers are not
# int8: they may be a different network, too, since the open division allows that. The
# fastest are at the top.

# %%
benchmarks.mlperf_latency(results)

# %% [markdown]
# The same as a table, for plain cores: the fastest result of each on each benchmark, and the
# runtime behind it.

# %%
benchmarks.fastest_table(results)

# %% [markdown]
# ## Energy at a voltage
#
# The energy of a digital circuit grows with the square of its supply voltage, so a submission at
# 1.8 V beats the same chip at 3.3 V without computing any better. *Can be compared:* markers of the
# same colour in the same row. *Cannot:* colours with each other, and results without a stated
# voltage with anything.

# %%
benchmarks.mlperf_energy(results)

# %% [markdown]
# ## Cycles per MAC
#
# Latency times clock, divided by the multiply-accumulates (MACs) of the network: how many cycles a
# core spends on one MAC. This takes the clock out and shows what the instruction set and the
# kernels do. A Cortex-M4 with SIMD could reach half a cycle; everything above is the cost of
# loading, of layers that fill the unit badly, and of code around the kernels. *Can be compared:*
# cores and runtimes on the same benchmark. *Cannot:* visual wake words with the others without
# a thought: half of its MACs multiply channels that are always zero, and a runtime that notices
# may skip them. Anomaly detection is all dense layers: each weight is loaded for one MAC only.

# %%
benchmarks.mlperf_cycles(survey.load_table("mlperf_cycles"))

# %% [markdown]
# ## Two test sets under one name
#
# Image classification was scored on one of two different sets of 200 pictures. *Can be compared:*
# accuracies within a set, to about five points (a 95 % interval of 200 samples at 86 % is that
# wide on either side). *Cannot:* an accuracy of one set with one of the other: the bulk of the one
# lies two to three points from the bulk of the other.

# %%
benchmarks.mlperf_sets(results)

# %% [markdown]
# ## EdgeMark: frameworks and conversions
#
# EdgeMark runs the same models through several tools on two boards: an STM32L4R5 (Cortex-M4) and
# an RX65N (Renesas RXv2). First, what int8 gains within each tool. *Can be compared:* the ratios
# of a line, which change one thing only. *Cannot:* lines of one board with those of the other as
# if they were one population, since instructions and kernels differ: on the RX65N, TFLM's int8
# convolutions are slower than its float ones. Nor flash as if it were the model's: it is the whole
# firmware, in which a small model disappears.

# %%
pairs = edgemark_pairs()
frameworks.edgemark_int8(pairs)

# %% [markdown]
# Other conversions, all by TFLM with its default build. Pruned and clustered models keep their
# dense tensors: neither gains anything on a runtime that does not exploit them.

# %%
frameworks.edgemark_variants(survey.load_table("edgemark"))

# %% [markdown]
# And frameworks against each other. A tool that generates code can leave the interpreter out of
# flash, but whatever else its firmware holds counts, too; whether it is faster depends on its
# kernels. Builds for another compiler and tools with a number format of their own have no partner
# in TFLM and are not drawn.

# %%
frameworks.edgemark_frameworks(pairs)

# %% [markdown]
# ## TinyEngine and its rivals
#
# One board, one set of int8 models, four libraries. *Can be compared:* libraries on the same
# model. *Cannot:* with MLPerf Tiny, whose networks differ; and remember who measured: the authors
# of one of the four.

# %%
frameworks.tinyengine_bars(survey.load_table("tinyengine"))
