"""Kernels for products of weights, a file a family; a new file is found by itself."""

from __future__ import annotations

from collections.abc import Mapping

from qnnlab.codegen.kits.kit import Kit
from qnnlab.errors import CodegenError
from qnnlab.registry import LazyNames, plug_ins

#: Kits by name.
KITS: Mapping[str, Kit] = LazyNames("kit", lambda: plug_ins(__name__, "KITS"), CodegenError)


def kit_for(isa: str, bits: int) -> Kit:
    """The kit of an instruction set for weights of a width; raises CodegenError for none."""
    found = [kit for kit in KITS.values() if isa in kit.isas and kit.bits == bits]
    if not found:
        raise CodegenError(f"there are no kernels for weights of {bits} bits on {isa} cores")
    return found[0]


__all__ = ["KITS", "Kit", "kit_for"]
