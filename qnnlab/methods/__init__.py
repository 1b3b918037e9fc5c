"""Methods: recipes (data) run by families (one file each).

A method's name reads as a grammar: `ptq_w8a8_pc_minmax` is post-training quantization to 8-bit
weights and activations, per channel, with min-max calibration.
"""

from qnnlab.methods.method import Compressed, Family, Job, Recipe
from qnnlab.methods.recipes import FAMILIES, RECIPES

__all__ = ["FAMILIES", "RECIPES", "Compressed", "Family", "Job", "Recipe"]
