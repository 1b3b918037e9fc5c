"""A CMake project: a library for the core, and a test that runs on this computer."""

from qnnlab.codegen.layouts.layout import HEADER, HOST_HEADER, HOST_SOURCE, SOURCE, Layout

LAYOUT = Layout(
    "cmake",
    "a CMake project with a static library and a test",
    {
        "README.md": "cmake/README.md",
        "CMakeLists.txt": "cmake/CMakeLists.txt",
        "toolchain.cmake": "cmake/toolchain.cmake",
        "main.c": "main.c",
        "{core}/{name}.c": SOURCE,
        "{core}/{name}.h": HEADER,
        "host/{name}.c": HOST_SOURCE,
        "host/{name}.h": HOST_HEADER,
    },
    boards={},
)
