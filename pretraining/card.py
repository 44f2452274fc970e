"""Writes the model card: what a model was trained on, under which terms, and its scores."""

from __future__ import annotations

import json
from pathlib import Path
from typing import Any

# Set -> (what it shows, publisher and terms, as the publishers state them); (?) = not verified.
SETS = {
    "dsb2018_train": ("nuclei: fluorescence, stained tissue, bright field", "BBBC038, Caicedo et al. 2019; CC0"),
    "usiigaci_phc": ("phase contrast, adherent cells", "Usiigaci, Tsai et al. 2019; MIT"),
    "fib25_3d": ("FIB-SEM, Drosophila medulla, slices along three axes", "Janelia FlyEM; CC BY"),
    "axon_sem": ("SEM, rat spinal cord, insides of axons", "doi 10.5281/zenodo.5498378; MIT"),
    "emps_em": ("electron micrographs of nanoparticles", "Yildirim & Cole 2021; MIT"),
    "gonuclear_3d": ("confocal, ovule nuclei, slices", "BioImage Archive S-BIAD1026; CC BY 4.0"),
    "plantseg_ovule_3d": ("confocal, ovule cell walls and nuclei, slices", "Wolny et al. 2020; CC BY, MIT"),
    "sbsst265_nuclei": ("fluorescence, clumped nuclei", "S-BSST265, Kromp et al. 2020; CC0"),
    "tnbc_he": ("stained breast tissue", "TNBC, Naylor et al. 2018; CC BY 4.0 (?)"),
    "yeast_phase": ("phase contrast, budding yeast", "yeastvision, NC State University; BSD-3-Clause"),
    "yeast_phase_traps": ("phase contrast, yeast in traps", "yeastvision, NC State University; BSD-3-Clause"),
    "yeast_brightfield": ("bright field, yeast in traps", "Pietsch et al. 2023; MIT"),
    "coli_brightfield": ("bright field, E. coli", "ColiCoords; MIT"),
    "coli_dapi": ("fluorescence, dense E. coli", "tractatus/bacteria_segmentation; MIT"),
    "chloroplast_em": ("electron micrographs, plant leaf", "WSU plant biology; MIT"),
}

CARD = """# {name}

{summary}

![Above images, below what the model finds in them without any paint]({name}.png)

*Samples of the package, which it has not learnt from.*

* **Asks**: background, object, or border between objects, for any kind of microscopy; one channel (colours and other
  channels are averaged before a training; a training mixes them so that the paint stands out).
* **Network**: the U-Net of Ronneberger et al. 2015, {ndim}D, {padding}, {depth} levels, {width} channels on the first,
  float16.
{hints}
* **Made by** `{command}`: {steps} steps, seed {seed}, {hours:.1f} hours of one processor thread ({processor}, torch
  {torch}). {begin}The samples of the package and their neighbouring slices were left out.

## Trained on

| set | what | publisher, terms |
|---|---|---|
{sets}

## Scores

Intersection over union of objects and of borders on held-out images, tiles varied as in training (zoomed, deformed,
noisy, in part inverted), without any strokes.{benchmarks}

| set | object | border |
|---|---|---|
{scores}
"""

BEGIN = """It began with `{begin}`, which has to be there: without `--models` the command trains all, in order.
  """
# For planes alone: no card of a 3D model refers to the benchmarks.
BENCHMARKS = """ The benchmarks have published images of other sets, before and after a
minute of training on strokes; one of these sets, `usiigaci_val`, is of the same publication as `usiigaci_phc`."""


def write_card(path: Path, config: dict[str, Any], provenance: dict[str, Any], log: Path) -> None:
    """Write the card from the configuration, the header's provenance and the last validation in the log."""
    entries = [json.loads(line) for line in log.read_text("utf-8").splitlines()]
    last = next(entry for entry in reversed(entries) if "validation" in entry)
    sets = [f"| {name} | {what} | {terms} |" for name, (what, terms) in SETS.items() if name in config["sets"]]
    if config["simulated"]:
        source = "simulate.py" if config["ndim"] == 2 else "simulate_volumes.py"
        sets.append(f"| invented | {config['simulated']:.0%} of the tiles, see `pretraining/{source}` | none |")
    scores = [f"| {name} | {one['object']:.2f} | {one['border']:.2f} |" for name, one in last["validation"].items()]
    path.write_text(
        CARD.format(
            **{key: config[key] for key in ("name", "summary", "ndim", "depth", "width", "seed")},
            **{key: provenance[key] for key in ("hours", "command", "torch", "processor")},
            padding="unpadded" if config["padding"] == "valid" else "padded",
            hints="\n".join(f"* **{word}**: {text}" for word, text in config["hints"].items()),
            begin=BEGIN.format(**config) if config["begin"] else "",
            benchmarks=BENCHMARKS if config["ndim"] == 2 else "",
            steps=last["step"] + 1,
            sets="\n".join(sets),
            scores="\n".join(scores),
        ),
        "utf-8",
    )
