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
# # The tasks
#
# Every comparison stands on its data. This notebook shows what each task looks or sounds like,
# how it is split, which network is its reference, how well that learns, and whether the task is
# hard enough to tell one quantization method from another.
#
# Each task has an offline default that needs no download: real data where a library ships it
# (`digits`), synthesised data elsewhere. Synthetic data says how methods compare, not how well a
# product would do; the real data sets of the field stand behind the same interface
# (`python3 run.py data list`), and every figure says which of the two it was measured on.

# %% tags=["parameters"]
tasks = "all"
seed = 0
profile = "quick"

# %% tags=["hide"]
from IPython.display import display

from qnnlab.lab import Reference, RunStore, sweep
from qnnlab.lab.difficulty import difficulty_specs
from qnnlab.lab.reference import REFERENCE, read_history
from qnnlab.report import samples, task_exhibits
from qnnlab.tasks import TASKS, load_task, offline_tasks

# %% [markdown]
# ## The data
#
# A speaker, a subject or a machine that is heard in training must not be heard in the test: a
# network would recognise it instead of the word, the activity or the fault. So the splits are
# drawn by group, and a test of the project proves that they share none.

# %%
names = offline_tasks() if tasks == "all" else list(tasks)
chosen = [TASKS[name] for name in names]
data = {name: load_task(name, profile)[1] for name in names}
task_exhibits.tasks_table(chosen, data)

# %%
task_exhibits.balance_figure(chosen, data)

# %% [markdown]
# ## What it looks and sounds like
#
# Pictures and signals as they are; sounds as players, with their spectrograms below. What the
# network gets of a sound is not the waveform but a compact picture of it (MFCCs for speech, a
# log-mel spectrogram for machines), computed as MLPerf Tiny does.

# %%
for task in chosen:
    if task.preview().kind == "audio":
        display(samples.players(task))
    display(samples.preview_figure(task))

# %% [markdown]
# ## The reference models
#
# Where MLPerf Tiny has a benchmark, the reference is its network: the multiply-accumulates and
# weights must be equal, not similar. The anomaly detector is an autoencoder that learns to
# reproduce normal sound; what it reproduces badly is anomalous.

# %%
store = RunStore()
records = sweep(difficulty_specs(names, seed, profile), store, retry_failed=False).records
for record in records:
    if not record.ok:
        print(f"{record.spec} failed: {record.reason}")
references = [
    Reference(record, read_history(record, store), store)
    for record in records
    if record.ok and record.spec.method == REFERENCE
]
assert references, "no reference was trained"
task_exhibits.mlperf_table(references)

# %%
for reference in references:
    if reference.record.spec.seed == seed:
        display(task_exhibits.model_figure(reference))

# %% [markdown]
# ## Learning
#
# Adam with a cosine schedule, augmentation where it makes sense, and the validation split to say
# when to stop. The test split plays no part in training and decides no setting.

# %%
task_exhibits.curves_figure(references)

# %%
task_exhibits.references_table(references)

# %% [markdown]
# ## Hard enough?
#
# A task on which every method scores alike teaches nothing. The ladder below goes from float32 to
# int8 and on to weights of 4, 3 and 2 bits that are simply rounded, which is the weakest method
# there is: better ones have this room to show what they are worth.

# %%
task_exhibits.difficulty_table(records)

# %%
task_exhibits.difficulty_figure(records)

# %% [markdown]
# ## Your own data
#
# Arrays, a folder with one sub-folder a class (images or `.wav`), an `.npz` or a `.csv` file
# become a task of the same kind, and every method, report and command takes it. From the command
# line: `python3 run.py run my.csv ptq_w8a8_pc_minmax`. The cell below does it with the digits'
# scans as if they were yours; give `groups` where you know who a sample is from.

# %%
from qnnlab import Spec, run, task_from_arrays

scans = load_task("digits")[1].train
mine = task_from_arrays("example", scans.x, scans.y, source="the digits' training scans")
record = run(Spec(mine.name, "ptq_w8a8_pc_minmax", seed=seed, profile="smoke"))
print(f"{mine.name}: {record['accuracy'].value:.1f} %" if record.ok else record.reason)
