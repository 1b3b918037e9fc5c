"""Who takes part: one module a contender, all behind `Contender`."""

from __future__ import annotations

from contenders import ours, qkeras, tfmot
from contenders.contender import Contender

CONTENDERS: dict[str, Contender] = {
    contender.name: contender
    for contender in (tfmot.EIGHT_BIT, tfmot.N_BIT, qkeras.CONTENDER, ours.CONTENDER)
}
