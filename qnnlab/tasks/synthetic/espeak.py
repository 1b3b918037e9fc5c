"""Speech from espeak-ng, which comes in the wheel `espeakng-loader`.

The library keeps state from one utterance to the next, so the same words reproduce only after the
same history: each sequence is spoken by a fresh child process (`python -m` this module), whose
random numbers, seeded with the time of day otherwise, start from a fixed seed.
"""

from __future__ import annotations

import ctypes
import json
import os
import struct
import subprocess
import sys
import tempfile
from collections.abc import Iterator, Sequence
from dataclasses import astuple, dataclass
from pathlib import Path
from typing import IO, Any

import numpy as np
from numpy.typing import NDArray

from qnnlab.errors import DatasetError, MissingExtra

RATE_HZ = 22_050

_SYNCHRONOUS = 2  # espeak_Synth returns when all was spoken
_DONT_EXIT = 0x8000
_CHARACTERS, _UTF8 = 1, 1
_SPEED, _VOLUME, _PITCH, _RANGE = 1, 2, 3, 4
_SEED = 20250820
_REFUSED = 3
_COUNT = struct.Struct("<I")


@dataclass(frozen=True)
class Utterance:
    """What to say and how.

    `voice` is an accent and a variant (`en-us+f2`), `speed` in words a minute (80 to 450),
    `pitch` and `pitch_range` from 0 to 99, where 50 is the voice's own.
    """

    text: str
    voice: str
    speed: int = 175
    pitch: int = 50
    pitch_range: int = 50
    volume: int = 100


def speak(utterances: Sequence[Utterance]) -> Iterator[NDArray[np.int16]]:
    """Each utterance in turn, at 22,050 Hz; the same sequence gives the same samples each time.

    Raises MissingExtra without espeak-ng, DatasetError where it does not know a voice or crashes.
    """
    try:
        import espeakng_loader  # noqa: F401  (asked for here, used by the child)
    except ImportError as error:
        raise MissingExtra(
            f"synthetic speech needs espeakng-loader: qnnlab[datasets] ({error})"
        ) from None
    with tempfile.TemporaryFile() as chatter:
        child = subprocess.Popen(
            [sys.executable, "-m", __name__],
            stdin=subprocess.PIPE,
            stdout=subprocess.PIPE,
            stderr=chatter,
            env=_environment(),
        )
        with child:
            try:
                _request(child, utterances)
                for _ in utterances:
                    yield _next(child, chatter)
            finally:
                child.kill()


def _environment() -> dict[str, str]:
    """The child finds the same qnnlab, from wherever this process has it."""
    here = str(Path(__file__).parents[3])
    found = os.environ.get("PYTHONPATH")
    return {**os.environ, "PYTHONPATH": os.pathsep.join([here, *([found] if found else [])])}


def _request(child: subprocess.Popen[bytes], utterances: Sequence[Utterance]) -> None:
    assert child.stdin is not None
    try:
        child.stdin.write(json.dumps([astuple(utterance) for utterance in utterances]).encode())
        child.stdin.close()
    except BrokenPipeError:
        pass  # the child has ended; its answer says why


def _next(child: subprocess.Popen[bytes], chatter: IO[bytes]) -> NDArray[np.int16]:
    assert child.stdout is not None
    head = child.stdout.read(_COUNT.size)
    if len(head) == _COUNT.size:
        (size,) = _COUNT.unpack(head)
        samples = child.stdout.read(2 * size)
        if len(samples) == 2 * size:
            return np.frombuffer(samples, "<i2").astype(np.int16)
    status = child.wait()
    chatter.seek(0)
    lines = chatter.read().decode(errors="replace").strip().splitlines() or ["no message"]
    how = f"signal {-status}" if status < 0 else f"status {status}"
    raise DatasetError(f"espeak-ng can't speak, its process ended with {how}: {lines[-1][:300]}")


def _data_folder() -> Path:
    import espeakng_loader

    return Path(espeakng_loader.get_data_path())


def _library() -> Any:
    import espeakng_loader

    library = ctypes.CDLL(espeakng_loader.get_library_path())
    library.espeak_SetParameter.argtypes = (ctypes.c_int, ctypes.c_int, ctypes.c_int)
    library.espeak_SetVoiceByName.argtypes = (ctypes.c_char_p,)
    library.espeak_ng_SetRandSeed.argtypes = (ctypes.c_long,)
    library.espeak_Synth.argtypes = (
        *(ctypes.c_char_p, ctypes.c_size_t, ctypes.c_uint, ctypes.c_int),
        *(ctypes.c_uint, ctypes.c_uint, ctypes.c_void_p, ctypes.c_void_p),
    )
    folder = os.fsencode(_data_folder().parent)
    rate = library.espeak_Initialize(_SYNCHRONOUS, 0, folder, _DONT_EXIT)
    if rate != RATE_HZ:
        raise DatasetError(f"espeak-ng does not start from {os.fsdecode(folder)}: {rate}")
    return library


def _say(library: Any, heard: bytearray, utterance: Utterance) -> bytes:
    variant = utterance.voice.partition("+")[2]
    known = not variant or (_data_folder() / "voices" / "!v" / variant).is_file()
    # An unknown variant alone is no error to espeak-ng, which speaks with none.
    if not known or library.espeak_SetVoiceByName(utterance.voice.encode()):
        raise DatasetError(f"no voice {utterance.voice!r}")
    for parameter, value in (
        (_SPEED, utterance.speed),
        (_VOLUME, utterance.volume),
        (_PITCH, utterance.pitch),
        (_RANGE, utterance.pitch_range),
    ):
        library.espeak_SetParameter(parameter, value, 0)
    library.espeak_ng_SetRandSeed(_SEED)
    heard.clear()
    text = utterance.text.encode()
    if library.espeak_Synth(text, len(text) + 1, 0, _CHARACTERS, 0, _UTF8, None, None):
        raise DatasetError(f"{utterance.text!r} can't be said")
    return bytes(heard)


def _serve() -> None:
    """Read a sequence from standard input and write each utterance to standard output."""
    utterances = [Utterance(*given) for given in json.load(sys.stdin)]
    answer = os.fdopen(os.dup(1), "wb")
    os.dup2(2, 1)  # what the library prints must not get among the samples
    library = _library()
    heard = bytearray()

    def hear(samples: int | None, count: int, _: int | None) -> int:
        if samples and count > 0:
            heard.extend(ctypes.string_at(samples, 2 * count))
        return 0

    callback = ctypes.CFUNCTYPE(ctypes.c_int, ctypes.c_void_p, ctypes.c_int, ctypes.c_void_p)(hear)
    library.espeak_SetSynthCallback(callback)
    for utterance in utterances:
        spoken = _say(library, heard, utterance)
        answer.write(_COUNT.pack(len(spoken) // 2) + spoken)
    answer.close()


if __name__ == "__main__":
    try:
        _serve()
    except (DatasetError, OSError) as failure:
        print(failure, file=sys.stderr)
        sys.exit(_REFUSED)
