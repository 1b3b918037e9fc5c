"""PACT: the clipping of activations is learned; weights as in DoReFa.

The clip's gradient is that of clipped values alone (equation 3 of the paper).
"""

from __future__ import annotations

from qnnlab.methods.estimators import dorefa, lsq
from qnnlab.methods.estimators.estimator import Estimator, learns_nothing

ESTIMATOR = Estimator(
    "pact",
    "PACT",
    "Choi et al. 2018 (arXiv:1805.06085)",
    range(2, 8),
    learns_nothing,
    dorefa.weights,
    lsq.start_activations,
    lsq.activations,
    clips_only=True,
)
