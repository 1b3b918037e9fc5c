"""Kernels for products of weights, a file a family; a new file is found by itself."""

from __future__ import annotations

from collections.abc import Mapping

from qnnlab.codegen.kits.kit import Kit
from qnnlab.errors import CodegenError
from qnnlab.registry import LazyNames, plug_ins

#: Kits by name.
KITS: Mapping[str, Kit] = LazyNames("kit", lambda: plug_ins(__name__, "KITS"), CodegenError)


def kit_for(isa: str, bits: int, least: int = -128, most: int = 2**31 - 1) -> Kit:
    """The first kit of an instruction set for weights of a width.

    `least` is the least weight, `most` the largest magnitude of a sum with its bias. Raises
    CodegenError for none.
    """
    for kit in KITS.values():
        if isa in kit.isas and kit.bits == bits and kit.least <= least and most < kit.most:
            return kit
    raise CodegenError(f"there are no kernels for weights of {bits} bits on {isa} cores")


__all__ = ["KITS", "Kit", "kit_for"]
