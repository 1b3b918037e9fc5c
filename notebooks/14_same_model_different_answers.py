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
# # Same model, different answers
#
# An int8 network is integers from end to end, so every runtime should give the same integers.
# They do not. A layer's sum of products is 32 bits wide; bringing it back to 8 bits means
# multiplying by a real number that no integer equals, and **each runtime rounds in its own way**.
# Now and then two of them land on different sides of a half, one code apart. The next layer takes
# that code as its input, and differences grow.
#
# | rule | who | how |
# |---|---|---|
# | `tflm` | TFLite Micro, CMSIS-NN | twice: product to its high word, then the shift |
# | `single` | one rounding | the whole product, half up |
# | `litert_reference` | LiteRT's reference kernels | as `tflm`; dense layers in floating point |
# | `xnnpack` | LiteRT as it comes | float32 product, half to even |
# | `float_rescale` | TinyEngine, TinyMaix | floating-point product, half away from zero |
# | `power_of_two` | CMSIS-NN before 2020, NNoM | no multiplier: a shift |

# %% tags=["parameters"]
task = "digits"
method = "ptq_w8a8_pc_minmax"
seed = 0
profile = "quick"
samples = 200

# %% tags=["hide"]
from IPython.display import display

from qnnlab.files import resource
from qnnlab.graph.tflite import parse_tflite
from qnnlab.lab import RunStore, Spec, sweep
from qnnlab.lab.experiment import MODEL
from qnnlab.lab.inputs import Samples, random_samples
from qnnlab.lab.measure import model_inputs
from qnnlab.lab.rosetta import layer_differences, rosetta
from qnnlab.report.rosetta_exhibits import (
    contenders_table,
    layers_figure,
    matrix_figure,
    rules_figure,
)
from qnnlab.tasks import load_task

# %% [markdown]
# ## The rules on one number
#
# Most accumulators come out alike under every rule. `power_of_two` is another matter: it replaces
# the multiplier itself, which only suits models that were trained for it.

# %%
rules_figure()

# %% [markdown]
# ## A trained model, its test data, every runtime
#
# The model is one of this report's runs. Each runtime and our executor with each rule get the same
# codes. Where the row and the column of a runtime and of one of our rules say 100, that rule **is**
# how the runtime rounds: byte for byte, over the whole network.

# %%
(record,) = sweep(
    [Spec(task, method, seed=seed, profile=profile).check()], retry_failed=False
).records
assert record.ok, record.reason
model = RunStore().path(record.key, MODEL).read_bytes()
graph = parse_tflite(model)
test = load_task(task, profile)[1].test
codes = model_inputs(graph, test.x[:samples])
labels = test.y[:samples] if test.y.ndim == 1 else None
taken = Samples(codes, labels, f"{len(codes)} test samples of {task}")
table = rosetta(model, taken)
name = f"{task}, {method}"
matrix_figure(table, "codes_identical_pct", name)

# %%
contenders_table(table, name)

# %% [markdown]
# ## A deeper network: MLPerf Tiny's image classifier
#
# The reference ResNet-8 of MLPerf Tiny on random inputs, which are harder than photographs: no
# class is a clear winner, so that one code can decide.

# %%
resnet = resource("data/mlperf_tiny/models/pretrainedResnet_quant.tflite").read_bytes()
drawn = random_samples(parse_tflite(resnet), samples, seed)
table = rosetta(resnet, drawn)
for quantity in ("codes_identical_pct", "argmax_flips"):
    display(matrix_figure(table, quantity, "ResNet-8"))

# %% [markdown]
# ## Where does it begin?
#
# Two runtimes, layer by layer. A circle marks an operator whose inputs were still equal in both:
# there the difference is born. Behind it, it is passed on and multiplied.

# %%
few = Samples(drawn.inputs[: min(samples, 12)], None, f"{min(samples, 12)} random inputs")
pairs = (
    ("tflm", "litert_xnnpack"),
    ("tflm", "litert_reference"),
    ("litert_xnnpack", "ours_xnnpack"),
)
frames = {f"{a} / {b}": layer_differences(resnet, few, a, b) for a, b in pairs}
layers_figure(frames, "ResNet-8", few.source)

# %% [markdown]
# ## What to make of it
#
# - **Accuracies hardly move**; single answers do. A test that compares outputs with a desktop run
#   byte for byte fails although nothing is broken.
# - **Validate on what you flash.** For TFLM and CMSIS-NN compare with TFLM. For targets that
#   rescale in floating point, X-CUBE-AI among them, compare with XNNPACK's rounding.
# - A difference that *arises* in a layer by more than one code is not rounding. `qnnlab rosetta
#   model.tflite --layers A B` finds it, `qnnlab verdict` names the cases that are known.
