"""What a run depends on beside its spec: the code, the libraries, the machine."""

from __future__ import annotations

import hashlib
import json
import platform
import sys
from functools import cache
from importlib import metadata
from pathlib import Path
from typing import Any

import qnnlab
from qnnlab.lab.spec import Spec
from qnnlab.methods import RECIPES
from qnnlab.tasks import TASKS

# A result can only change when one of these does; the report and the command line may change
# without a run being repeated.
_ROOMS = ("numerics", "graph", "tasks", "methods")
_FILES = ("backend.py", "values.py", "lab/measure.py", "lab/experiment.py")
_LIBRARIES = (
    "ai-edge-litert",
    "espeakng-loader",
    "numpy",
    "pillow",
    "scikit-learn",
    "scipy",
    "tensorflow",
    "tensorflow-model-optimization",
    "tf-keras",
    "tflite-micro",
    "wfdb",
)


@cache
def code_sha256() -> str:
    """Digest of the source that results depend on."""
    package = Path(qnnlab.__file__).parent
    sources = [package / name for name in _FILES]
    for room in _ROOMS:
        sources += sorted((package / room).rglob("*.py"))
    digest = hashlib.sha256()
    for path in sources:
        digest.update(path.relative_to(package).as_posix().encode() + b"\0" + path.read_bytes())
    return digest.hexdigest()


@cache
def library_versions() -> dict[str, str]:
    """Installed versions of the libraries that results depend on; `absent` where there is none."""
    versions = {"python": f"{sys.version_info.major}.{sys.version_info.minor}"}
    for name in _LIBRARIES:
        try:
            versions[name] = metadata.version(name)
        except metadata.PackageNotFoundError:
            versions[name] = "absent"
    return versions


def machine() -> dict[str, str]:
    """The machine that a run happened on; not part of its key."""
    return {"system": platform.platform(), "processor": platform.machine()}


def run_key(spec: Spec) -> str:
    """Content address of a run: spec, recipe, data, parent, code and library versions."""
    recipe = RECIPES[spec.method]
    parent = spec.parent()
    content: dict[str, Any] = {
        "spec": spec.to_dict(),
        "recipe": {"family": recipe.family, "settings": dict(recipe.settings)},
        "data": TASKS[spec.task].fingerprint(),
        "parent": None if parent is None else run_key(parent),
        "code": code_sha256(),
        "versions": library_versions(),
    }
    text = json.dumps(content, sort_keys=True)
    return hashlib.sha256(text.encode()).hexdigest()[:24]
