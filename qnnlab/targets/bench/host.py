"""Compile a generated model for this computer and call it: the same C, without an emulator."""

from __future__ import annotations

import ctypes
import sys
import tempfile
from pathlib import Path
from types import TracebackType
from typing import Any

import numpy as np
from numpy.typing import NDArray

from qnnlab.codegen import CORES, CModel
from qnnlab.errors import FirmwareFault
from qnnlab.targets.bench.compilers import compile_in, host_compiler
from qnnlab.targets.bench.runs import sample_bytes

_FLAGS = ("-std=c99", "-pedantic", "-O2", "-Wall", "-Wextra", "-Werror", "-fPIC", "-shared")


class HostModel:
    """A compiled model in this process; a context manager that unloads it at its end.

    It runs inside this process, so that C with a wild access would take the process with it.
    """

    def __init__(self, model: CModel, library: ctypes.CDLL, compiler: str) -> None:
        self.model, self.compiler = model, compiler
        self._library: ctypes.CDLL | None = library
        self._invoke: Any = library.model_invoke
        self._invoke.argtypes = [ctypes.c_void_p, ctypes.c_void_p]
        self._invoke.restype = ctypes.c_int

    def run(self, codes: NDArray[Any]) -> NDArray[Any]:
        """Output codes (n, outputs) of input codes (n, …), one inference after the other.

        Raises FirmwareFault for samples of another size or type, for a model that says no and
        after `close`.
        """
        if self._library is None:
            raise FirmwareFault("this model is unloaded; make another with host_library")
        flat = sample_bytes(self.model, codes)
        kind = np.dtype(self.model.output_type)
        outputs = np.empty((len(flat), self.model.output_bytes // kind.itemsize), kind)
        for sample, output in zip(flat, outputs, strict=True):
            state = self._invoke(sample.ctypes.data, output.ctypes.data)
            if state:
                raise FirmwareFault(f"model_invoke returned {state}")
        return outputs

    def close(self) -> None:
        """Unload the library; a second time it does nothing."""
        library, self._library = self._library, None
        if library is not None and sys.platform != "win32":
            import _ctypes

            _ctypes.dlclose(library._handle)

    def __enter__(self) -> HostModel:
        return self

    def __exit__(
        self,
        kind: type[BaseException] | None,
        error: BaseException | None,
        trace: TracebackType | None,
    ) -> None:
        self.close()


def host_library(model: CModel) -> HostModel:
    """Compile `model`, generated for the core `host`, and load it.

    Raises FirmwareFault with the compiler's first error or for a model of another core, and
    MissingExtra without a compiler.
    """
    if CORES[model.core].triple:
        raise FirmwareFault(
            f"the code is for {model.core}; a library for this computer is made of the core 'host'"
        )
    compiler = host_compiler()
    # Once loaded, the library needs its file no more.
    with tempfile.TemporaryDirectory(prefix="qnnlab-", ignore_cleanup_errors=True) as name:
        folder = Path(name)
        (folder / f"{model.name}.c").write_text(model.source, encoding="utf-8")
        (folder / f"{model.name}.h").write_text(model.header, encoding="utf-8")
        command = (*compiler.command, *_FLAGS, f"{model.name}.c", "-o", "library.so")
        compile_in(folder, command, "this computer")
        try:
            library = ctypes.CDLL(str(folder / "library.so"))
            return HostModel(model, library, compiler.version)
        except (OSError, AttributeError) as error:
            raise FirmwareFault(f"the library can't be loaded: {error}") from None
