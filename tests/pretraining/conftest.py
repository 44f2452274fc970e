"""The recipe of the bundled weights is no part of the package: its folder is found beside the tests."""

import sys
from pathlib import Path

sys.path.insert(0, str(Path(__file__).parents[2]))
