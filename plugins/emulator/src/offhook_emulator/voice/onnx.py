"""onnxruntime, as far as the models need it: typed, imported on first use, one thread per call."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from importlib import import_module
from typing import Any, Protocol

import numpy as np
from numpy.typing import NDArray

from offhook_emulator.voice.models import ModelFile, missing

Floats = NDArray[np.float32]

_ERRORS_ONLY = 3


class Tensor(Protocol):
    """The name and shape of one input or output of a model."""

    name: str
    shape: Sequence[int]


class Session(Protocol):
    """A loaded model. It keeps no state between calls, and threads may share it."""

    def run(self, output_names: Sequence[str] | None, input_feed: Mapping[str, NDArray[Any]]) -> list[Floats]:
        """Compute all outputs (``None``) from the named inputs."""
        ...

    def get_inputs(self) -> Sequence[Tensor]:
        """Tell what goes in."""
        ...

    def get_outputs(self) -> Sequence[Tensor]:
        """Tell what comes out, in the order of ``run``."""
        ...


def floats(pcm: bytes) -> Floats:
    """Turn PCM16 into numbers of full scale 1; half a sample at the end is left out."""
    return np.frombuffer(pcm, np.int16, len(pcm) // 2) * np.float32(1 / 32768)


def open_session(model: ModelFile) -> Session:
    """Verify and load a model (not for the event loop). Raises OffhookError where something is missing."""
    path = model.verified()
    try:
        onnxruntime = import_module("onnxruntime")
    except ImportError as error:
        raise missing("onnxruntime") from error
    options = onnxruntime.SessionOptions()
    # One thread each: these models are small, and onnxruntime's own pools spin while they wait.
    options.intra_op_num_threads = options.inter_op_num_threads = 1
    options.log_severity_level = _ERRORS_ONLY
    return onnxruntime.InferenceSession(str(path), options, providers=["CPUExecutionProvider"])
