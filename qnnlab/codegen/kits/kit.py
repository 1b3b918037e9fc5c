"""What a family of kernels for products of weights tells the emitters.

Its C, in `template`, has one interface; P stands for the kit's name, `w` for the packed weights,
`low` and `high` for the clamp of the output:

int8_t *P_at(int8_t *scratch, int32_t filled, int32_t k)
    where pixel number `filled` of those that are taken together starts
int8_t *P_put(int8_t *scratch, int32_t filled, int8_t *to, const int8_t *from, int32_t count)
    appends `count` codes, returns the next place
void P_end(int8_t *scratch, int32_t filled, int8_t *to, int32_t rest)
    fills the last `rest` of a pixel's k values with zeros
void P_products(w, const int8_t *scratch, int32_t k, int32_t channels, const channel_t *q,
                int8_t *out, int32_t low, int32_t high)
    all rows of weights times the pixels together; pixel p's outputs go to out + p × channels
const int8_t *P_row(int8_t *scratch, const int8_t *from, int32_t count, int32_t k)
    one row of codes as P_product reads it
void P_product(w, const int8_t *row, int32_t k, int32_t channels, const channel_t *q,
               int8_t *out, int32_t low, int32_t high)
    all rows of weights times that row

Where `saturates`, P_products_saturated and P_product_saturated clamp to int8 alone.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping
from dataclasses import dataclass, field
from typing import Any

from numpy.typing import NDArray

#: C type and constant array of weight rows (channels, k), `together` channels at a time.
Packing = Callable[[NDArray[Any], int], tuple[str, NDArray[Any]]]


@dataclass(frozen=True)
class Kit:
    """Kernels of some instruction sets for weights of one width, 8, 4, 2 or 1 bits.

    Packed weights are fields above zero, with value = step × field − lift; step and lift lie as
    two words in front of the first one. `channels` rows are taken together in convolutions,
    `dense_channels` in dense layers, and `pixels` pixels; k is a multiple of `values`, a row of a
    window one of `run`. `pixel_bytes` gives the scratch of the pixels together for a k,
    `row_bytes` that of a dense layer's row, which takes none where it is read `row_in_place` and
    has a multiple of `values`. `pack` gets rows of values (or fields), padded to whole groups.
    The bias makes good what the kernels add to input codes (`lifted`). `depthwise` names the
    template of depthwise convolutions, `helpers` one that `template` builds on, `constants` what
    `template` asks for. Weights must be `least` at least, and sums with bias less than `most`.
    """

    name: str
    isas: tuple[str, ...]
    bits: int
    template: str
    channels: int
    dense_channels: int
    pixels: int
    values: int
    pixel_bytes: Callable[[int], int]
    row_bytes: Callable[[int], int]
    pack: Packing
    run: int = 1
    lifted: int = 0
    saturates: bool = False
    depthwise: str = "depthwise_plain"
    helpers: str = ""
    row_in_place: bool = False
    least: int = -128
    most: int = 2**31
    constants: Mapping[str, Any] = field(default_factory=dict)

    def products(self, clamps: bool) -> str:
        """The C function for pixels."""
        return f"{self.name}_products{'' if clamps or not self.saturates else '_saturated'}"

    def product(self, clamps: bool) -> str:
        """The C function for one row."""
        return f"{self.name}_product{'' if clamps or not self.saturates else '_saturated'}"
