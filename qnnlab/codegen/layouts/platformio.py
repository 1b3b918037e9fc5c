"""A PlatformIO project."""

from qnnlab.codegen.layouts.layout import HEADER, SOURCE, Layout

LAYOUT = Layout(
    "platformio",
    "a PlatformIO project",
    {
        "README.md": "platformio/README.md",
        "platformio.ini": "platformio/platformio.ini",
        "src/main.cpp": "platformio/main.cpp",
        "src/{name}.c": SOURCE,
        "include/{name}.h": HEADER,
    },
    boards={
        "cortex-m0": "nucleo_f091rc",
        "cortex-m3": "nucleo_l152re",
        "cortex-m4": "nucleo_f446re",
        "cortex-m7": "nucleo_f767zi",
        "cortex-m33": "nucleo_l552ze_q",
        "rv32imac": "hifive1-revb",
        "host": "native",
    },
)
