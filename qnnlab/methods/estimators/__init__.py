"""How quantization-aware training estimates: one file an estimator, found by itself."""

from qnnlab.methods.estimators.estimator import Estimator
from qnnlab.registry import LazyNames, plug_ins

ESTIMATORS: LazyNames[Estimator] = LazyNames(
    "estimator", lambda: plug_ins("qnnlab.methods.estimators", "ESTIMATOR")
)

__all__ = ["ESTIMATORS", "Estimator"]
