"""Collaborative optimization and n-bit training by tensorflow-model-optimization."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

import numpy as np

from qnnlab import backend
from qnnlab.errors import MethodError
from qnnlab.graph.stored import StoredWeights, weights_of
from qnnlab.graph.tflite import parse_tflite
from qnnlab.methods.convert import to_tflite
from qnnlab.methods.method import Compressed, Family, Job
from qnnlab.methods.training import fit, steps_per_epoch
from qnnlab.values import Value

_RAMP_SHARE = 0.6  # of the steps raise the sparsity; the rest recover at the final one
_EVERY = 10  # steps between two masks, where there are enough steps


def apply(job: Job, settings: Mapping[str, Any]) -> Compressed:
    """Prune, cluster, quantize in turn, each step keeping what the one before made.

    `sparsity_pct` 0 leaves pruning out, `clusters` 0 clustering. `quantize` ptq calibrates; qat
    trains with the scheme that preserves zeros (PQAT), clusters (CQAT) or both (PCQAT). Every
    step has the whole budget of fine-tuning. tfmot leaves depthwise kernels as they are.
    """
    sparsity, clusters = settings["sparsity_pct"], settings["clusters"]
    if not sparsity and not clusters:
        raise MethodError("sparsity_pct and clusters are both 0: nothing is to be kept")
    model = job.model
    if sparsity:
        model = _pruned(model, job, sparsity)
    if clusters:
        model = _clustered(model, job, clusters, bool(sparsity))
    before = _kernels(model)
    if settings["quantize"] == "ptq":
        tflite = to_tflite(
            model,
            activations="int8",
            quantize_weights=True,
            calibration=job.data.x_calibration,
        )
    else:
        model = _preserving(model, sparsity, clusters)
        _fine_tune(model, job)
        tflite = to_tflite(model, activations="int8", quantize_weights=True)
    return Compressed(tflite, values=(*_float_figures(before), *_code_figures(tflite)))


def apply_n_bit(job: Job, settings: Mapping[str, Any]) -> Compressed:
    """Fine-tune with weights of few bits and 8-bit activations: fewer do not convert.

    The converter packs weights of 2 to 4 bits as INT4 and puts 5 to 8 into int8 containers.
    """
    tfmot = backend.model_optimization()
    scheme = tfmot.quantization.keras.experimental.default_n_bit.DefaultNBitQuantizeScheme(
        num_bits_weight=settings["weight_bits"], num_bits_activation=8
    )
    keras = tfmot.quantization.keras
    with keras.quantize_scope():
        annotated = keras.quantize_annotate_model(job.model)
        model = keras.quantize_apply(annotated, scheme)
    _fine_tune(model, job)
    tflite = to_tflite(model, activations="int8", quantize_weights=True)
    return Compressed(tflite, values=_code_figures(tflite))


def _fine_tune(model: Any, job: Job, callbacks: tuple[Any, ...] = ()) -> None:
    rate = job.budget.finetune_learning_rate
    fit(model, job, job.budget.finetune_epochs, rate, callbacks)


def _pruned(model: Any, job: Job, sparsity_pct: int) -> Any:
    """`model` after gradual magnitude pruning (Zhu and Gupta 2017, arXiv:1710.01878)."""
    sparsity = backend.model_optimization().sparsity.keras
    steps = max(1, round(_RAMP_SHARE * job.budget.finetune_epochs * steps_per_epoch(job)))
    every = min(_EVERY, max(1, steps // _EVERY))
    steps -= steps % every  # tfmot prunes at multiples alone, and the last one must be the end
    schedule = sparsity.PolynomialDecay(0.0, sparsity_pct / 100, 0, steps, frequency=every)
    wrapped = sparsity.prune_low_magnitude(model, pruning_schedule=schedule)
    _fine_tune(wrapped, job, (sparsity.UpdatePruningStep(),))
    return sparsity.strip_pruning(wrapped)


def _clustered(model: Any, job: Job, clusters: int, keep_zeros: bool) -> Any:
    """`model` with `clusters` values a layer, trained (Han et al. 2016, arXiv:1510.00149)."""
    clustering = backend.model_optimization().clustering.keras
    # The experimental twin alone knows of zeros; the packages name it so.
    from tensorflow_model_optimization.python.core.clustering.keras.experimental import (
        cluster as experimental,
    )

    wrapped = experimental.cluster_weights(
        model,
        number_of_clusters=clusters,
        cluster_centroids_init=clustering.CentroidInitialization.KMEANS_PLUS_PLUS,
        preserve_sparsity=keep_zeros,
    )
    _fine_tune(wrapped, job)
    return clustering.strip_clustering(wrapped)


def _preserving(model: Any, sparsity: int, clusters: int) -> Any:
    tfmot = backend.model_optimization()
    combine, keras = tfmot.experimental.combine, tfmot.quantization.keras
    scheme = (
        combine.Default8BitClusterPreserveQuantizeScheme(preserve_sparsity=bool(sparsity))
        if clusters
        else combine.Default8BitPrunePreserveQuantizeScheme()
    )
    return keras.quantize_apply(keras.quantize_annotate_model(model), scheme)


def _kernels(model: Any) -> list[Any]:
    """The kernels that tfmot prunes and clusters."""
    return [
        layer.get_weights()[0]
        for layer in model.layers
        if type(layer).__name__ in ("Conv2D", "Dense")
    ]


def _float_figures(kernels: list[Any]) -> tuple[Value, ...]:
    zeros = sum(int((kernel == 0).sum()) for kernel in kernels)
    share = 100 * zeros / sum(kernel.size for kernel in kernels)
    most = max(len(np.unique(kernel)) for kernel in kernels)
    where = "convolutions and dense layers before quantization"
    return (
        Value("zeros_before_pct", share, "%", "measured", where),
        Value(
            "most_values_before", most, "", "measured", f"distinct weights of one of the {where}"
        ),
    )


def _code_figures(tflite: bytes) -> tuple[Value, ...]:
    """Zeros and distinct codes of the file, without depthwise kernels."""
    weights = [held for held in weights_of(parse_tflite(tflite)) if held.input_last]
    present = sum(int(np.count_nonzero(held.present)) for held in weights)
    share = 100 * (1 - present / sum(held.values.size for held in weights))
    where = "convolutions and dense layers of the .tflite file"
    return (
        Value("zeros_after_pct", share, "%", "measured", where),
        Value(
            "most_codes_a_layer",
            max(len(np.unique(held.values)) for held in weights),
            "",
            "measured",
            f"distinct codes of one of the {where}",
        ),
        Value(
            "most_codes_a_channel",
            max(_most_in_channel(held) for held in weights),
            "",
            "measured",
            f"distinct codes of one output channel of the {where}",
        ),
    )


def _most_in_channel(held: StoredWeights) -> int:
    return max(len(np.unique(channel)) for channel in held.values)


FAMILY = (
    Family(
        "tfmot_collaborative",
        {
            "sparsity_pct": range(100),
            "clusters": (0, 4, 8, 16, 32),
            "quantize": ("ptq", "qat"),
        },
        apply,
    ),
    Family(
        "tfmot_n_bit",
        {"weight_bits": range(2, 9)},
        apply_n_bit,
    ),
)
