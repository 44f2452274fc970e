"""The page docs/benchmarks.md: a section for each part, so that each can be measured again separately."""

from __future__ import annotations

import re
from collections.abc import Mapping, Sequence

_SECTION = re.compile(r"<!-- part: (\w+) -->\n(.*?)(?=<!-- part: |\Z)", re.DOTALL)


def sections(page: str) -> dict[str, str]:
    """Return the sections of a page by the name of their part."""
    return {name: text.strip() for name, text in _SECTION.findall(page)}


def compose(introduction: str, found: Mapping[str, str], order: Sequence[str]) -> str:
    """Return the page: `introduction`, then the sections in `found`, in the given order."""
    parts = [f"<!-- part: {name} -->\n{found[name].strip()}" for name in order if name in found]
    return "\n\n".join([introduction.strip(), *parts]) + "\n"
