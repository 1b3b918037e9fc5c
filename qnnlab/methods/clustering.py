"""Weight sharing: a few values a layer, found by k-means, fine-tuned, stored as a codebook."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import replace
from typing import Any

import numpy as np

from qnnlab import backend
from qnnlab.methods.export import compressed
from qnnlab.methods.method import Compressed, Family, Job
from qnnlab.methods.network.keras_model import build_model, simulated_model
from qnnlab.methods.network.nodes import Floats
from qnnlab.methods.network.quantized import Kernel
from qnnlab.methods.network.reading import read_network
from qnnlab.methods.network.trained import exported
from qnnlab.methods.post_training.calibration import calibrate
from qnnlab.methods.post_training.plan import plan_bits
from qnnlab.methods.qat import upright
from qnnlab.methods.training import fit
from qnnlab.numerics.codebooks import assign, integer_codebook, kmeans
from qnnlab.values import Value


def apply(job: Job, settings: Mapping[str, Any]) -> Compressed:
    """Share weights layer by layer (Han et al. 2016, arXiv:1510.00149, section 3).

    All layers share, depthwise ones and the first too. Places are settled before fine-tuning,
    values move with the sum of their weights' gradients, then get an int8 codebook with one scale
    a layer. A batch norm goes into that scale, one a channel: places stay.
    """
    network = upright(read_network(job.model))
    clusters = settings["clusters"]
    shared = {index: Shared(clusters, job.seed) for index in network.computing()}
    model = build_model(network, weights=shared)
    history = fit(model, job, job.budget.finetune_epochs, job.budget.finetune_learning_rate)
    quantized = exported(network, model, shared, {})
    bits = settings["activation_bits"]
    plan = plan_bits(
        network, {"weight_bits": code_bits(clusters), "activation_bits": bits, "edges": "same"}
    )
    observer = "minmax" if bits >= 8 else "mse"
    ranges = calibrate(quantized.network, job.data.x_calibration, plan, observer)
    quantized = replace(quantized, ranges=ranges)
    found = compressed(quantized, simulated_model(quantized), history)
    return replace(found, values=(_most_values(quantized.kernels),))


def code_bits(clusters: int) -> int:
    """Bits of a place in a table of so many values."""
    return max(1, (clusters - 1).bit_length())


class Shared:
    """A `WeightQuantizer` whose kernel takes its values from a table that learns."""

    def __init__(self, clusters: int, seed: int) -> None:
        self.clusters, self.seed = clusters, seed

    def start(self, layer: Any, kernel: Floats) -> None:
        """Cluster the trained `kernel`; where it has fewer distinct values, those are the table."""
        distinct = np.unique(kernel)
        few = len(distinct) <= self.clusters
        levels = distinct if few else kmeans(kernel, self.clusters, self.seed).astype(np.float32)
        self.places = assign(kernel, levels).astype(np.int32)
        constant = backend.keras().initializers.Constant
        self.levels = layer.add_weight(
            name="levels", shape=levels.shape, initializer=constant(levels)
        )

    def fake(self, kernel: Any) -> Any:
        """The shared values; `kernel` is a part of the sum so that Keras has a gradient for it."""
        return backend.tensorflow().gather(self.levels, self.places) + 0.0 * kernel

    def export(self, _: Any) -> Kernel:
        """Places of log2 clusters bits, and the int8 codebook that they point into."""
        book, scale = integer_codebook(self.levels.numpy())
        bits = code_bits(self.clusters)
        padded = np.concatenate([book, np.repeat(book[-1:], 2**bits - len(book))])
        scales = np.full(1, scale, np.float32)
        return Kernel(self.places.astype(np.uint8), bits, scales, padded.astype(np.int8))


def _most_values(kernels: Mapping[int, Kernel]) -> Value:
    most = max(len(np.unique(kernel.values())) for kernel in kernels.values())
    return Value("most_values_a_layer", most, "", "measured", "distinct integers of one layer")


FAMILY = Family("cluster", {"clusters": (4, 8, 16), "activation_bits": range(2, 17)}, apply)
