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
# # Before flashing
#
# Half of what goes wrong between a quantized model and a microcontroller happens after training:
# an operator is missing, a scheme is silently miscomputed, the arena is too small. All of that can
# be known from the file.

# %% tags=["parameters"]
target = "nrf52840"
model = "vww_96_int8.tflite"
profile = "quick"

# %% tags=["hide"]
from IPython.display import display

from qnnlab.files import resource
from qnnlab.graph.integer.costs import integer_costs
from qnnlab.graph.integer.reader import read_integer_graph
from qnnlab.graph.memory import plan_memory
from qnnlab.graph.runtimes import RuntimeRun, runtime_version
from qnnlab.graph.tflite import read_tflite
from qnnlab.lab.measure import try_runtime
from qnnlab.lab.verdict import verdict
from qnnlab.report.memory_exhibits import (
    checks_table,
    plan_figure,
    plans_table,
    timeline_figure,
    verdicts_table,
)

folder = resource("data/mlperf_tiny/models")
paths = sorted(folder.glob("*.tflite"))
if profile == "smoke":
    paths = [path for path in paths if "large" not in path.name]

# %% [markdown]
# ## Will it run, and will it answer the same?
#
# The verdict looks at every operator in a table of what runtimes accept, refuse or silently
# miscompute (`data/runtimes/policy.csv`, measured), lets TFLM try, counts flash and RAM against
# the platform, and compares answers. One of MLPerf Tiny's files is called float32 and is not.

# %%
verdicts = [verdict(path, target) for path in paths]
verdicts_table(verdicts)

# %%
checks_table(next(found for found in verdicts if found.light() == "red"))

# %% [markdown]
# ## Which layer sets the memory?
#
# While an operator runs, what it reads and what it makes must exist, and whatever a later operator
# still needs. The highest bar is the least memory that any interpreter can do with that computes
# nothing in place.

# %%
graph = read_tflite(folder / model)
timeline_figure(graph, model)

# %% [markdown]
# ## A plan
#
# Placing buffers of known lifetimes is a puzzle; a poor solution leaves holes. TFLM places the
# largest first. Our planner tries many orders, lets elementwise operators write over their inputs,
# and stops when it meets the lower bound. `qnnlab plan model.tflite --out planned.tflite` writes
# its plan into the file, and **TFLM itself then uses it**.

# %%
display(plan_figure(plan_memory(graph), graph, model))
rows = []
for path in paths:
    run = try_runtime(path.read_bytes(), None, "tflm")
    theirs = run.activation_bytes if isinstance(run, RuntimeRun) else None
    rows.append((path.name, theirs, plan_memory(read_tflite(path))))
plans_table(rows, runtime_version("tflm"))

# %% [markdown]
# ## Multiplications that nobody needs
#
# Interval arithmetic follows the least and the largest code through the network. Where they meet,
# a channel is constant whatever the input: it is dead, and so are all products with it.

# %%
costs = integer_costs(read_integer_graph(folder / model))
print(
    f"{model}: {costs.macs:,} MACs, {costs.live_macs:,} of them live; "
    f"{costs.dead_channels:,} of {costs.channels:,} channels are dead; "
    f"{costs.bit_operations:,} bit operations, {costs.moved_bytes:,} bytes moved at least"
)
