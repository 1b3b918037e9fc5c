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
# # Where the instructions go
#
# Two tools that compute the same integers can differ by an order of magnitude in work. Emulated
# cores count every instruction, so the difference can be taken apart: by operator, by kind, by
# tool.

# %% tags=["parameters"]
model = "vww"
core = "cortex-m4"
profile = "quick"

# %% tags=["hide"]
from IPython.display import display

from qnnlab.errors import QnnlabError
from qnnlab.files import resource
from qnnlab.graph.integer.passes import remove_dead_channels
from qnnlab.graph.integer.reader import read_integer_graph
from qnnlab.lab.bench import bench_model, emulated_cores, random_codes
from qnnlab.lab.firmware_peers import PEER_MODELS
from qnnlab.report.firmware_exhibits import (
    dead_table,
    frameworks_table,
    mix_figure,
    operators_figure,
    peers_table,
)
from qnnlab.targets.vela import npu_estimate

folder = resource("data/mlperf_tiny/models")
names = ["kws", "ad"] if profile == "smoke" else list(PEER_MODELS)
model = model if model in names else names[0]
graphs = {name: read_integer_graph(folder / PEER_MODELS[name]) for name in names}

# %% [markdown]
# ## Four models, every core, and the peers
#
# CMSIS-NN is what TFLite Micro calls on Arm cores. Peers' figures are quoted from a table
# (`data/runtimes/firmware_peers.csv`); ours are counted here and now.

# %%
runs = {
    name: bench_model(graph, emulated_cores(), random_codes(graph, 1))
    for name, graph in graphs.items()
}
peers_table(runs)

# %% [markdown]
# ## By operator
#
# Instructions per MAC tell how well a kernel uses the core; the bars tell where it matters. Two
# products an instruction is the most that Cortex-M4 can do, but operands must be loaded and
# widened, and every output requantized.

# %%
here = next(run for run in runs[model] if run.core == core)
display(operators_figure(here, graphs[model], model))
mix_figure(runs[model], model)

# %% [markdown]
# ## Channels that nobody needs
#
# Where interval arithmetic proves a channel constant, or nobody reads it, it can be left out
# without a change of any answer. It is a pass of its own; the figures above are without it.

# %%
rows = []
for name, graph in graphs.items():
    removed = remove_dead_channels(graph)
    smaller = bench_model(removed.graph, [core], random_codes(graph, 1))[0]
    whole = next(run for run in runs[name] if run.core == core)
    rows.append((name, removed, whole, smaller))
dead_table(rows)

# %% [markdown]
# ## Frameworks side by side
#
# The same file in four frameworks: C from here, TFLite Micro's interpreter, LiteRT and Arm's
# compiler for the Ethos-U55. Each tells what it can: only C for a core has instructions, only the
# compiler for the NPU has cycles.

# %%
path = folder / PEER_MODELS[model]
try:
    npu = npu_estimate(path)
except QnnlabError as error:
    print(f"no estimate for an NPU: {error}")
    npu = None
frameworks_table(path, model, here, npu)
