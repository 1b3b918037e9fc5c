"""qnnlab's own quantization-aware training: the recipes qat_lsq_*."""

from __future__ import annotations

from contenders.contender import Absent, Contender, Trained, Width
from qnnlab.methods.method import Job


def _recipe(width: Width) -> str:
    return f"qat_lsq_{width}"


def _version() -> str:
    import qnnlab
    from qnnlab.methods import RECIPES

    name = _recipe(Width(4, 4))
    if name not in RECIPES:
        raise Absent(f"this qnnlab has no method {name}")
    return qnnlab.__version__


def _train(job: Job, width: Width) -> Trained:
    from qnnlab.methods import FAMILIES, RECIPES

    recipe = RECIPES[_recipe(width)]
    compressed = FAMILIES[recipe.family].apply(job, recipe.settings)
    if compressed.simulate is None:
        raise Absent(f"{recipe.name} gives no fake-quantized model")
    return Trained(compressed.simulate(job.data.val.x), compressed.simulate(job.data.test.x))


CONTENDER = Contender(
    name="qnnlab_lsq",
    title="qnnlab, LSQ",
    quantizes=(
        "every kernel, first and last layer too, at the weights' width (at 2 bits four "
        "levels), symmetric, per channel; "
        "ReLUs and pools at the activations' width, input and the dense layer's output at 8 bits; "
        "batch norm float in training, then folded into the scales"
    ),
    settings=(
        "recipes qat_lsq_<width> as they come: scales of weights and activations learned (Esser "
        "et al. 2020, arXiv:1902.08153) from calibrated ones"
    ),
    version=_version,
    supports=lambda width: True,
    train=_train,
)
