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
# # Frameworks compared
#
# A framework brings a network onto a chip. It may interpret a file, compile it, or turn it into C.
# Which one takes my model? Does it answer as the others do? What does it store, and how much
# memory does it use? Those that run on this computer are asked here, with the same models and the
# same inputs. Those that do not are quoted, and marked so.
#
# | word | meaning |
# |---|---|
# | measured | counted or timed on this computer, now |
# | emulated | executed on an emulated core, instruction by instruction |
# | estimated | a tool's own estimate; nothing ran |
# | quoted | published by others |

# %% tags=["parameters"]
models = ["kws", "ad", "vww", "ic"]
inputs = 8
seed = 0
profile = "quick"

# %% tags=["hide"]
from IPython.display import display

from qnnlab.lab.frameworks import FRAMEWORKS, compare_frameworks, time_frameworks
from qnnlab.lab.frameworks.catalog import catalog
from qnnlab.lab.frameworks.cores import core_rows
from qnnlab.lab.frameworks.models import reference_cases
from qnnlab.lab.frameworks.published import edgemark_beside, peers_beside
from qnnlab.report.framework_atlas import (
    edgemark_figure,
    edgemark_table,
    elsewhere_table,
    features_figure,
    features_table,
    tinyengine_table,
)
from qnnlab.report.framework_exhibits import (
    acceptance_figure,
    emulated_table,
    estimates_table,
    quantizers_table,
    refusals_table,
    results_table,
    times_figure,
)

if profile == "smoke":
    models, inputs = ["ad"], 2
cases = reference_cases(models, inputs, seed)

# %% [markdown]
# ## Who is asked
#
# A file in `qnnlab/lab/frameworks/entries/` adds one, or several variants of one.

# %%
for framework in FRAMEWORKS.values():
    print(f"{framework.title}: {framework.does}")

# %% [markdown]
# ## Who takes which model
#
# The models are MLPerf Tiny's four reference networks in int8. The inputs are random codes over
# the whole range. Such inputs push many values to the ends of their range, where an int8 network
# clips and a float network does not: a hard test, harder than real data.
#
# Equal means equal in every number. There is no tolerance.

# %%
found = compare_frameworks(cases)
acceptance_figure(found)

# %%
refusals_table(found)

# %% [markdown]
# ## Bytes, operators, time
#
# Timing runs all frameworks in turns, in one process, and takes the median. The ratio is to
# LiteRT's reference kernels in the same run. **It says nothing about a microcontroller**: a kernel
# that is fast here uses instructions that a Cortex-M does not have.

# %%
timings = time_frameworks(found)
display(results_table(found, timings))
times_figure(timings)

# %% [markdown]
# ## What a quantizer costs
#
# ai-edge-quantizer starts from floats. MLPerf Tiny's files hold integers, so each gets a *float
# twin*: the same graph, with its numbers written out as floats. Its weights stay on their grid;
# this is not the network that was trained. The table compares each recipe with that twin, so what
# it shows is the recipe alone. Dynamic recipes keep activations in floats: TFLite Micro refuses
# them, and the file is of no use on most microcontrollers.

# %%
quantizers_table(found)

# %% [markdown]
# ## What a compiler promises
#
# Vela compiles for Arm's Ethos-U and tells how long an inference would take. No NPU is here, so
# these are the vendor's own estimates.

# %%
estimates_table(found)

# %% [markdown]
# ## On microcontroller cores
#
# What host time can't tell, an emulator can. It counts every instruction of the same network.

# %%
rows = core_rows(cases)
emulated_table(rows)

# %% [markdown]
# ## Beside published comparisons
#
# EdgeMark measured whole firmware on boards. Its networks have MLPerf Tiny's shapes, but were
# trained again. Flash, RAM and time depend on the shapes, so they can be set side by side. An
# emulator does not time; its instructions are multiplied by the cycles that chips with this core
# were published to need, and the interval says how far that may be off.

# %%
beside = edgemark_beside(rows)
display(edgemark_figure(beside))
edgemark_table(beside)

# %%
tinyengine_table(peers_beside(rows))

# %% [markdown]
# ## The whole catalog
#
# Most frameworks can't run here: they need their own hardware, their own operating system or a
# licence. What they support is quoted. On the command line,
# `qnnlab frameworks --list --target risc-v --sub8` narrows the list.

# %%
every = catalog()
display(features_figure(every))
features_table(every)

# %%
elsewhere_table(every)

# %% [markdown]
# ## Try it
#
# - `qnnlab frameworks your_model.tflite` asks them all about your own model.
# - Take a float model: who refuses now, and why?
# - Add a framework: `CONTRIBUTING.md` describes the one file that it takes.
