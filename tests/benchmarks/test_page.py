"""Laws of the page of benchmarks: what is not measured again stays."""

from importlib.metadata import version

from benchmarks.page import compose, sections
from benchmarks.timing import machine


def test_sections_survive_a_round():
    found = {"tiles": "## Tiles\n\n| a |\n| --- |\n| 1 |", "network": "## The network\n\ntext"}
    page = compose("# Benchmarks\n\nOne machine.", found, ["network", "tiles", "never measured"])
    assert sections(page) == found
    assert page.index("network -->") < page.index("tiles -->")
    assert page.startswith("# Benchmarks\n\nOne machine.\n\n<!-- part: network -->\n## The network")
    again = sections(page) | {"tiles": "## Tiles\n\nfaster"}
    assert sections(compose("# Benchmarks", again, ["network", "tiles"]))["network"] == found["network"]


def test_peers_that_are_not_measured_again_keep_their_versions():
    page = machine(["numpy", "no-such-peer", "neither"], "numpy 1.0, no-such-peer 2.3.1+cpu, no 4.")
    assert f"numpy {version('numpy')}, no-such-peer 2.3.1+cpu, neither not installed." in page
