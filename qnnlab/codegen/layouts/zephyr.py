"""An application for the Zephyr RTOS."""

from qnnlab.codegen.layouts.layout import HEADER, SOURCE, Layout

LAYOUT = Layout(
    "zephyr",
    "a Zephyr application",
    {
        "README.md": "zephyr/README.md",
        "CMakeLists.txt": "zephyr/CMakeLists.txt",
        "prj.conf": "zephyr/prj.conf",
        "src/main.c": "zephyr/main.c",
        "src/{name}.c": SOURCE,
        "src/{name}.h": HEADER,
    },
    boards={
        "cortex-m0": "nucleo_f091rc",
        "cortex-m3": "nucleo_l152re",
        "cortex-m4": "nucleo_f446re",
        "cortex-m7": "nucleo_f767zi",
        "cortex-m33": "nucleo_l552ze_q",
        "rv32imac": "hifive1_revb",
        "host": "native_sim",
    },
)
