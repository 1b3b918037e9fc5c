"""C files and a Makefile."""

from qnnlab.codegen.layouts.layout import HEADER, SOURCE, Layout

LAYOUT = Layout(
    "plain",
    "C files and a Makefile",
    {
        "README.md": "plain/README.md",
        "Makefile": "plain/Makefile",
        "main.c": "main.c",
        "{name}.c": SOURCE,
        "{name}.h": HEADER,
    },
    boards={},
)
