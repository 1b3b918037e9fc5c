"""An IntegerGraph becomes C: one self-contained module, no heap, no interpreter, no library."""

from qnnlab.codegen.cores import CORES, Core
from qnnlab.codegen.generate import CModel, generate, operator_function

__all__ = ["CORES", "CModel", "Core", "generate", "operator_function"]
