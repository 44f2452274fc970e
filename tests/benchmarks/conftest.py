"""Let tests find the benchmarks: they are not part of the package, and their folder is next to that of the tests."""

import sys
from pathlib import Path

sys.path.insert(0, str(Path(__file__).parents[2]))
