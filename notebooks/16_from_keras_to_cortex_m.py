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
# # From Keras to Cortex-M
#
# A network is trained, quantized, turned into C and compiled for microcontrollers; emulated cores
# run it. Nothing but `pip install qnnlab[firmware]` is needed: the compiler and the emulator come
# with it. At the end stands a folder that a project can take in.

# %% tags=["parameters"]
task = "digits"
seed = 0
profile = "quick"
samples = 20

# %% tags=["hide"]
import numpy as np
from IPython.display import Code, display

from qnnlab.codegen import generate
from qnnlab.graph.integer.execute import quantize_input, run_integer
from qnnlab.graph.integer.reader import open_integer_graph
from qnnlab.graph.runtimes import available_runtimes, run_model
from qnnlab.lab import RunStore, Spec, sweep
from qnnlab.lab.bench import bench_model, emulated_cores
from qnnlab.lab.experiment import GRAPH, MODEL
from qnnlab.lab.study import metric_of
from qnnlab.report.firmware_exhibits import cores_table, mix_figure, widths_figure, widths_table
from qnnlab.tasks import load_task

# %% [markdown]
# ## Train and quantize
#
# Four recipes: int8, then weights of 4 bits, 2 bits and one bit. Runs that are in the store
# already are not repeated.

# %%
recipes = {
    "8": "ptq_w8a8_pc_minmax",
    "4": "ptq_w4a8_pc_minmax",
    "2": "ptq_adaround_w2a8_pc_mse",
    "1": "qat_xnor_w1a8",
}
records = {
    width: sweep([Spec(task, method, seed=seed, profile=profile).check()]).records[0]
    for width, method in recipes.items()
}
store = RunStore()
graphs = {
    width: open_integer_graph(
        next(path for name in (GRAPH, MODEL) if (path := store.path(record.key, name)).exists())
    )
    for width, record in records.items()
    if record.ok
}
for width, record in records.items():
    print(f"{width} bit: {record.spec.method}: {record.reason if not record.ok else 'ready'}")
graph = graphs["8"]

# %% [markdown]
# ## The same network as C
#
# One module without heap, interpreter or library. Weights lie in the order in which the kernels
# read them, and shapes, strides and multipliers are constants. Kernels are written for the
# instruction set: pairs of products on Cortex-M4, M7 and M33, assembly for M0 and M3, C for the
# rest.

# %%
model = generate(graph, "cortex-m4")
print(f"{len(model.source.splitlines()):,} lines of C, arena {model.arena_bytes:,} B")
display(Code(model.header, language="c"))

# %%
body = model.source[model.source.index("int model_invoke") :]
display(Code(body, language="c"))

# %% [markdown]
# ## Six cores
#
# Test samples of the task go through each core. Instructions are exact counts; cycles are an
# interval, because pipelining and branch prediction are not emulated.

# %%
_, data = load_task(task, profile)
inputs = quantize_input(graph, data.test.x[:samples])
runs = bench_model(graph, emulated_cores(), inputs)
display(cores_table(runs, task))
mix_figure(runs, task)

# %% [markdown]
# ## Are the answers those of TFLite Micro?
#
# Byte for byte, or it is not the same network.

# %%
ours = run_integer(graph, inputs).reshape(len(inputs), -1)
if "tflm" in available_runtimes():
    content = store.path(records["8"].key, MODEL).read_bytes()
    theirs = np.asarray(run_model(content, inputs, "tflm").outputs).reshape(len(inputs), -1)
    print(f"TFLM: {int((theirs == ours).all(axis=1).sum())} of {len(inputs)} answers equal")
for run in runs:
    if run.firmware is not None:
        print(f"{run.core}: {len(run.runs) - run.differing} of {len(run.runs)} answers equal")

# %% [markdown]
# ## Fewer bits, for real
#
# Weights of 4, 2 and 1 bits are stored packed: the flash is really saved. Unpacking costs
# instructions, or saves some: on cores without products of pairs a word holds weights of two
# channels, and one multiplication makes both products.

# %%
cores = ("cortex-m0", "cortex-m3", "cortex-m4", "rv32imac")
by_core = {
    core: {
        width: bench_model(narrow, [core], quantize_input(narrow, data.test.x[:1]))[0]
        for width, narrow in graphs.items()
    }
    for core in cores
}
metric = metric_of(list(records.values()))
rows = [
    (
        recipes[width],
        next((v for v in records[width].results if v.name == metric), None),
        by_core["cortex-m4"][width],
    )
    for width in graphs
]
display(widths_table(rows))
widths_figure(by_core, task)

# %% [markdown]
# ## Take it along
#
# `qnnlab export model.tflite --core cortex-m4 --layout zephyr` writes a project folder; `arduino`,
# `platformio`, `cmake` and `plain` are the other layouts.
