"""Each kind has what the contract test needs of it."""

from pathlib import Path

import pytest

from esmed.bridge.registry import provider_kinds

VECTORS = Path(__file__).parent / "vectors"


@pytest.mark.parametrize("kind", provider_kinds())
def test_there_are_vectors(kind: str) -> None:
    assert (VECTORS / kind / "config.yaml").exists()
    assert (VECTORS / kind / "answers.yaml").exists()


def test_there_are_none_of_nothing() -> None:
    folders = {path.name for path in VECTORS.iterdir() if path.is_dir()}
    assert folders <= set(provider_kinds())
