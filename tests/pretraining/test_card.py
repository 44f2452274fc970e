"""Laws of the model cards: what the package ships is what a pretraining would write."""

from pathlib import Path

import pytest
from pretraining.__main__ import CONFIG, read_config
from pretraining.card import write_card

from napari_upaint.io.models import bundled_models, load_model


@pytest.mark.parametrize("path", bundled_models(), ids=lambda path: path.stem)
def test_a_bundled_card_is_what_its_pretraining_writes(path: Path, tmp_path: Path) -> None:
    log = CONFIG.parent / "logs" / f"{path.stem}.jsonl"
    write_card(tmp_path / "card.md", read_config(CONFIG, path.stem), load_model(path).header.provenance, log)
    assert path.with_suffix(".md").read_text(encoding="utf-8") == (tmp_path / "card.md").read_text(encoding="utf-8")
