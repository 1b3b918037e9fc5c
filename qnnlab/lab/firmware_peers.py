"""Published and measured peers of generated firmware: executed instructions and memory."""

from __future__ import annotations

from typing import TYPE_CHECKING

from qnnlab.files import resource

if TYPE_CHECKING:
    import pandas as pd

#: The files of the models that peers were measured on, by their short names.
PEER_MODELS = {
    "ic": "pretrainedResnet_quant.tflite",
    "kws": "kws_ref_model.tflite",
    "vww": "vww_96_int8.tflite",
    "ad": "ad01_int8.tflite",
}


def firmware_peers() -> pd.DataFrame:
    """One row a model, peer, core and set of flags; see `data/runtimes/firmware_peers.csv`."""
    import pandas as pd

    return pd.read_csv(resource("data/runtimes/firmware_peers.csv"))


def best_peers(exact: bool = True) -> pd.DataFrame:
    """By model and core the peer with the fewest instructions; `exact`: equal to TFLM only."""
    found = firmware_peers()
    if exact:
        found = found[found["output_equality"].str.startswith("equal")]
    return found.sort_values("instructions").groupby(["model", "core"]).first()
