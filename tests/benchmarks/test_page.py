"""Laws of the page of benchmarks: what is not measured again stays."""

from benchmarks.page import compose, sections


def test_sections_survive_a_round():
    found = {"tiles": "## Tiles\n\n| a |\n| --- |\n| 1 |", "network": "## The network\n\ntext"}
    page = compose("# Benchmarks\n\nOne machine.", found, ["network", "tiles", "never measured"])
    assert sections(page) == found
    assert page.index("network -->") < page.index("tiles -->")
    assert page.startswith("# Benchmarks\n\nOne machine.\n\n<!-- part: network -->\n## The network")
    again = sections(page) | {"tiles": "## Tiles\n\nfaster"}
    assert sections(compose("# Benchmarks", again, ["network", "tiles"]))["network"] == found["network"]
