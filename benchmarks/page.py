"""The page docs/benchmarks.md: a section for each part, so that one part can be measured again alone."""

from __future__ import annotations

import re
from collections.abc import Mapping, Sequence

_SECTION = re.compile(r"<!-- part: (\w+) -->\n(.*?)(?=<!-- part: |\Z)", re.DOTALL)


def sections(page: str) -> dict[str, str]:
    """Return the sections of a page by their parts' names."""
    return {name: text.strip() for name, text in _SECTION.findall(page)}


def compose(introduction: str, found: Mapping[str, str], order: Sequence[str]) -> str:
    """Return the page: `introduction`, then the sections that were found, in this order."""
    parts = [f"<!-- part: {name} -->\n{found[name].strip()}" for name in order if name in found]
    return "\n\n".join([introduction.strip(), *parts]) + "\n"
