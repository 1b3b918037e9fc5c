"""The child process of the entry for ai-edge-quantizer: every recipe on one file.

Started as `python -m qnnlab.lab.frameworks.quantizer_child FOLDER`; reads float.tflite,
request.json (the recipes) and calibration.npy (samples, …) there; leaves RECIPE.tflite or, with
the reason, RECIPE.txt.
"""

from __future__ import annotations

import json
import sys
import warnings
from pathlib import Path

import numpy as np

_SIGNATURE = "serving_default"
_INPUT = "input"


def main(folder: Path) -> None:
    """Try each recipe; one that can't leaves a .txt that ends with why."""
    recipes = json.loads((folder / "request.json").read_text())
    content = (folder / "float.tflite").read_bytes()
    samples = np.load(folder / "calibration.npy", allow_pickle=False)
    warnings.simplefilter("ignore")
    for name in recipes:
        try:
            made = _quantized(bytearray(content), name, samples)
            (folder / f"{name}.tflite").write_bytes(made)
        except Exception as error:
            (folder / f"{name}.txt").write_text(f"{error or type(error).__name__}")


def _quantized(content: bytearray, name: str, samples: np.ndarray) -> bytes:
    from ai_edge_quantizer import quantizer, recipe

    tool = quantizer.Quantizer(content, getattr(recipe, name)())
    ranges = None
    if tool.need_calibration:
        # The model takes one sample at a time.
        data = [{_INPUT: sample[None]} for sample in samples]
        ranges = tool.calibrate({_SIGNATURE: data})
    return bytes(tool.quantize(ranges, enable_progress_report=False).quantized_model)


if __name__ == "__main__":
    main(Path(sys.argv[1]))
