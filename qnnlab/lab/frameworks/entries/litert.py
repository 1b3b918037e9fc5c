"""LiteRT with its reference kernels, its optimized ones, and with XNNPACK as it comes."""

from __future__ import annotations

from qnnlab.lab.frameworks.interpreting import interpreter, open_litert

FRAMEWORKS = (
    interpreter(
        "litert_reference",
        "litert",
        "runs a .tflite with plain C++ kernels, the base of the time ratios",
        open_litert("BUILTIN_REF"),
    ),
    interpreter(
        "litert_optimized",
        "litert",
        "runs a .tflite with kernels for this CPU",
        open_litert("BUILTIN_WITHOUT_DEFAULT_DELEGATES"),
    ),
    interpreter(
        "litert_xnnpack",
        "litert",
        "runs a .tflite as LiteRT does by itself, XNNPACK taking what it can",
        open_litert("BUILTIN"),
    ),
)
