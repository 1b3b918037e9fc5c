"""Quantization-aware training by qnnlab's own layers, from 8 bits to 1."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import replace
from typing import Any

import numpy as np

from qnnlab import backend
from qnnlab.errors import MethodError
from qnnlab.methods.estimators import ESTIMATORS
from qnnlab.methods.export import compressed
from qnnlab.methods.method import Compressed, Family, Job
from qnnlab.methods.network.keras_model import build_model
from qnnlab.methods.network.nodes import Network, as_matrix
from qnnlab.methods.network.reading import read_network
from qnnlab.methods.network.trained import TrainedActivation, TrainedWeights, exported
from qnnlab.methods.post_training.calibration import calibrate
from qnnlab.methods.post_training.plan import plan_bits
from qnnlab.methods.training import fit

_TEMPERATURE = 2.0  # of the distillation
_SMALLEST_P = 1e-7


def apply(job: Job, settings: Mapping[str, Any]) -> Compressed:
    """Fine-tune the trained network with every rounding in place, then export those integers."""
    estimator = ESTIMATORS[settings["estimator"]]
    if settings["weight_bits"] not in estimator.weight_bits:
        raise MethodError(
            f"{estimator.name} trains weights of {estimator.weight_bits[0]} to "
            f"{estimator.weight_bits[-1]} bits, not {settings['weight_bits']}"
        )
    network = upright(read_network(job.model))
    plan = plan_bits(network, settings)
    ranges = calibrate(
        network.folded(), job.data.x_calibration, plan, settings["activation_observer"]
    )
    per_channel = settings["granularity"] == "per_channel"
    weights = {
        index: TrainedWeights(
            estimator if bits in estimator.weight_bits else ESTIMATORS["lsq"],
            network.nodes[index],
            bits,
            per_channel,
        )
        for index, bits in plan.weights.items()
    }
    activations = {index: TrainedActivation(estimator, found) for index, found in ranges.items()}
    model = build_model(network, weights, activations)
    trained = taught(model, job.model, job.objective) if settings["distil"] else model
    history = fit(trained, job, job.budget.finetune_epochs, job.budget.finetune_learning_rate)
    return compressed(exported(network, model, weights, activations), model, history)


def upright(network: Network) -> Network:
    """The same function with no negative γ: such a channel's kernel is turned instead.

    Codes then keep their sign when the batch norm is folded into their scale.
    """
    changed = {}
    for index in network.computing():
        node = network.nodes[index]
        norm = node.batch_norm
        if norm is None:
            continue
        sign = np.where(norm.gamma < 0, np.float32(-1), np.float32(1))
        kernel = (as_matrix(node.weights, node.channels) * sign).reshape(node.weights.shape)
        bias = None if node.bias is None else node.bias * sign
        turned = replace(norm, gamma=norm.gamma * sign, mean=norm.mean * sign)
        changed[index] = replace(node, kernel=kernel, bias=bias, batch_norm=turned)
    return network.with_nodes(changed)


def taught(model: Any, teacher: Any, objective: str) -> Any:
    """A twin of `model` whose loss adds the distance to what `teacher` answers.

    Classes: T² times the cross-entropy at temperature T (Hinton et al. 2015, arXiv:1503.02531,
    section 2). Reconstructions: the squared difference.
    """
    tf = backend.tensorflow()
    teacher.trainable = False
    answer = teacher(model.input, training=False)
    if objective == "classify":
        soft, softer = (
            tf.nn.softmax(tf.math.log(tf.maximum(p, _SMALLEST_P)) / _TEMPERATURE)
            for p in (answer, model.output)
        )
        entropy = -tf.reduce_sum(soft * tf.math.log(tf.maximum(softer, _SMALLEST_P)), axis=-1)
        distance = _TEMPERATURE**2 * tf.reduce_mean(entropy)
    else:
        distance = tf.reduce_mean((answer - model.output) ** 2)
    twin = backend.keras().Model(model.input, model.output)
    twin.add_loss(distance)
    return twin


FAMILY = Family(
    "qat",
    {
        "estimator": tuple(ESTIMATORS),
        "weight_bits": range(1, 9),
        "activation_bits": range(2, 9),
        "granularity": ("per_channel", "per_tensor"),
        "activation_observer": ("minmax", "mse", "percentile"),
        "edges": ("same", "8"),
        "distil": (False, True),
    },
    apply,
)
