"""Laws of what the site says itself; the folder of the pages is next to that of the tests."""

import sys
from pathlib import Path

import pytest

DOCS = Path(__file__).parents[2] / "docs"
sys.path.insert(0, str(DOCS))

from hooks import on_page_markdown  # noqa: E402 (found by the line above)


@pytest.mark.parametrize("name", ["settings", "command", "models", "python"])
def test_a_page_that_is_filled_in_does_not_say_that_it_will_be(name):
    written = (DOCS / "reference" / f"{name}.md").read_text(encoding="utf-8")
    shown = on_page_markdown(written)
    assert "filled in when the site is built" in written
    assert "filled in when the site is built" not in shown
    assert shown.startswith("# ")
    assert "<!--" not in shown
