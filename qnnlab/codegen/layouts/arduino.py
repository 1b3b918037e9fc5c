"""An Arduino sketch."""

from qnnlab.codegen.layouts.layout import HEADER, SOURCE, Layout

LAYOUT = Layout(
    "arduino",
    "an Arduino sketch",
    {
        "README.md": "arduino/README.md",
        "{name}/{name}.ino": "arduino/sketch.ino",
        "{name}/{name}.c": SOURCE,
        "{name}/{name}.h": HEADER,
    },
    boards={
        "cortex-m0": "arduino:samd:mkrzero",
        "cortex-m3": "arduino:sam:arduino_due_x",
        "cortex-m4": "arduino:mbed_nano:nano33ble",
        "cortex-m7": "arduino:mbed_giga:giga",
        "cortex-m33": "arduino:renesas_portenta:portenta_c33",
        "rv32imac": "esp32:esp32:esp32c6",
    },
)
