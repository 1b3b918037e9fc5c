"""What a quantized network is handed over as: integers, a .tflite where that carries them."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import Any

import numpy as np

from qnnlab.graph.integer.tflite import to_tflite
from qnnlab.methods.method import Compressed
from qnnlab.methods.network.nodes import Floats
from qnnlab.methods.network.quantized import QuantizedNetwork, to_integer_graph

_TFLITE_BITS = ({8}, {16})
_BATCH = 256


def compressed(
    quantized: QuantizedNetwork, model: Any, history: Mapping[str, Sequence[float]] | None = None
) -> Compressed:
    """The integer graph, its .tflite file, and the fake-quantized `model` to compare it with."""
    graph = to_integer_graph(quantized)
    widths = {activation.bits for activation in graph.activations}
    tflite = to_tflite(graph) if widths in _TFLITE_BITS else None

    def simulate(x: Floats) -> Floats:
        return np.asarray(model.predict(x, batch_size=_BATCH, verbose=0))

    return Compressed(tflite, None, history, graph=graph, simulate=simulate)
