"""File > Open Sample: each entry opens, and says where it comes from."""

import re
from importlib.resources import files

import numpy as np
import pytest

from napari_upaint import _sample_data
from napari_upaint.core.colours import label_colour, rgb
from napari_upaint.io.samples import SAMPLES, open_sample


@pytest.mark.parametrize("name", SAMPLES)
def test_samples_become_layers(name):
    napari = pytest.importorskip("napari")
    layers = [napari.layers.Layer.create(*layer) for layer in getattr(_sample_data, name)()]
    assert layers[0].name == name
    assert layers[0].rgb == (name == "nuclei_he")
    if open_sample(name).strokes is not None:
        assert layers[1].name == f"{name} strokes"
        assert layers[1].data.max() >= 2
        assert tuple(layers[1].scale) == tuple(layers[0].scale)
        assert layers[1].units == layers[0].units
        for label in (1, 2, 9):  # as the dock paints them
            assert np.allclose(layers[1].get_color(label)[:3], np.array(rgb(label_colour(label))) / 255)
        assert layers[1].axis_labels == layers[0].axis_labels


@pytest.mark.parametrize("name", SAMPLES)
def test_source_and_terms_lie_next_to_the_files_and_are_named(name):
    text = (files("napari_upaint") / "samples" / "README.md").read_text("utf-8")
    source, terms = re.search(rf"^\| `{name}` \| (.+) \| (.+) \|$", text, re.MULTILINE).groups()
    assert source and f"Terms: {terms.split(' 1.0')[0]}" in getattr(_sample_data, name).__doc__
