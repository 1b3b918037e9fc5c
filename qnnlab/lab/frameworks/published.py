"""Published comparisons beside our figures for the same networks; nothing here is measured anew."""

from __future__ import annotations

from typing import TYPE_CHECKING

from qnnlab.lab.firmware_peers import firmware_peers
from qnnlab.lab.frameworks.cores import OURS, PEER
from qnnlab.survey import load_table
from qnnlab.targets.cost.emulated import emulated_cycles
from qnnlab.targets.target import find_platform

if TYPE_CHECKING:
    import pandas as pd

#: EdgeMark's names of MLPerf Tiny's networks, which its authors trained again.
EDGEMARK_MODELS = {
    "ic": "TinyMLPerf_ResNet",
    "kws": "TinyMLPerf_DS_CNN",
    "vww": "TinyMLPerf_MBNet",
    "ad": "TinyMLPerf_AE",
}
EDGEMARK_BOARD = "NUCLEO-L4R5ZI"
EDGEMARK_PLATFORM = "stm32l4r5"
CORE = "cortex-m4"
_KB = 1024
_TINYENGINE_METRICS = ("latency_ms", "peak_sram_kb", "flash_kb")


def edgemark_beside(cores: pd.DataFrame) -> pd.DataFrame:
    """EdgeMark's int8 firmware on a Cortex-M4 beside that of `core_rows`, one row each.

    Columns: model, framework, kind (quoted, emulated), flash_bytes, ram_bytes, latency_ms,
    instructions, source, and flash_ratio, ram_ratio and latency_ratio to EdgeMark's TFLM of the
    model. All count the whole image, but ours has neither board support nor an operating system.
    Of emulated rows the latency is that of their instructions on EdgeMark's chip, with
    latency_low_ms and latency_high_ms (`qnnlab.targets.cost.emulated`).
    """
    import pandas as pd

    rows = [*_edgemark_rows(), *_core_rows(cores)]
    frame = pd.DataFrame(rows)
    base = frame[(frame["framework"] == "EdgeMark: TFLM")].set_index("model")
    for name, column in (("flash", "flash_bytes"), ("ram", "ram_bytes"), ("latency", "latency_ms")):
        frame[f"{name}_ratio"] = frame[column] / frame["model"].map(base[column])
    order = {model: place for place, model in enumerate(EDGEMARK_MODELS)}
    return frame.sort_values("model", key=lambda c: c.map(order), kind="stable", ignore_index=True)


def _edgemark_rows() -> list[dict[str, object]]:
    table = load_table("edgemark")
    table = table[(table["board"] == EDGEMARK_BOARD) & (table["build"] == "default")]
    table = table[table["variant"] == "q_full_int_only"]
    rows: list[dict[str, object]] = []
    for model, theirs in EDGEMARK_MODELS.items():
        for row in table[table["model"] == theirs].itertuples():
            framework = {"EI": "Edge Impulse"}.get(row.framework, row.framework)
            rows.append(
                {
                    "model": model,
                    "framework": f"EdgeMark: {framework}",
                    "kind": "quoted",
                    "flash_bytes": float(row.flash_kb) * _KB,
                    "ram_bytes": float(row.ram_kb) * _KB,
                    "latency_ms": float(row.latency_ms),
                    "source": row.source,
                }
            )
    return rows


def _core_rows(cores: pd.DataFrame) -> list[dict[str, object]]:
    chosen = cores[(cores["core"] == CORE) & cores["instructions"].notna()]
    return [
        {
            "model": row.model,
            "framework": f"{row.framework}, emulated {CORE}",
            "kind": "emulated",
            "flash_bytes": float(row.flash_bytes),
            "ram_bytes": float(row.ram_bytes),
            "instructions": float(row.instructions),
            "source": row.source,
            **_latency(float(row.instructions)),
        }
        for row in chosen.itertuples()
        if row.model in EDGEMARK_MODELS
    ]


def _latency(instructions: float) -> dict[str, float]:
    """Latency of so many instructions on the chip of EdgeMark's board, with its interval, in ms."""
    cycles = emulated_cycles(CORE, instructions, {})
    clock = find_platform(EDGEMARK_PLATFORM).clock_mhz
    if cycles is None or clock is None:
        return {}
    names = ("latency_ms", "latency_low_ms", "latency_high_ms")
    return {name: value / clock / 1e3 for name, value in zip(names, cycles[:3], strict=True)}


def tinyengine_published() -> pd.DataFrame:
    """TinyEngine against TFLM with CMSIS-NN on its authors' models: ratios, one row a model.

    Quoted figures divided; rows where either gives no value or a note makes it doubtful are left
    out.
    """
    table = load_table("tinyengine")
    sound = table[table["value"].notna() & table["note"].isna()]
    wide = sound.pivot_table(index=["model", "metric"], columns="framework_key", values="value")
    wide = wide[["tinyengine", "cmsis_nn"]].dropna().astype(float)
    ratios = (wide["tinyengine"] / wide["cmsis_nn"]).unstack("metric")
    return ratios.reindex(columns=list(_TINYENGINE_METRICS))


def peers_beside(cores: pd.DataFrame) -> pd.DataFrame:
    """Instructions on Cortex-M4 as ratios to TFLM with CMSIS-NN, MLPerf Tiny's models.

    One row a framework, one column a model; peers from `data/runtimes/firmware_peers.csv`, ours
    from `core_rows`. Missing where a framework did not run the model.
    """
    import pandas as pd

    table = firmware_peers()
    table = table[table["core"] == CORE].sort_values("instructions")
    best = table.groupby(["peer", "model"])["instructions"].first().unstack("model")
    ours = cores[(cores["core"] == CORE) & (cores["framework"] == OURS)]
    counts = ours.set_index("model")["instructions"].astype(float)
    row = pd.DataFrame([counts.to_dict()], index=pd.Index([OURS]))
    frame = pd.concat([best, row]).reindex(columns=list(EDGEMARK_MODELS))
    frame = frame / best.loc[PEER]
    return frame.rename_axis("framework")
