"""The paper's experiment: membranes of the ISBI 2012 challenge, from few slices, with the paper's recipe."""

from __future__ import annotations

import argparse
import json
import sys
import time
from collections.abc import Sequence
from dataclasses import asdict, dataclass
from pathlib import Path

import numpy as np

from benchmarks.timing import Table
from napari_upaint.core.normalize import measure
from napari_upaint.core.sample import Sample
from napari_upaint.io.atomic import replacing
from napari_upaint.io.images import read_image
from napari_upaint.io.models import DEFAULT_MODEL, load_model, save_model
from napari_upaint.settings import AugmentSettings, PredictSettings, TrainSettings, WeightSettings

TRAINING, TEST = range(24), range(24, 30)
ROTATIONS = (7, 1)
# What the paper names (sec. 3): shift, rotation, gray values, elastic deformation; no zoom and no flips.
WEIGHTS = WeightSettings(balance="always")
AUGMENT = AugmentSettings(flip=False, zoom=1)
PUBLISHED = (
    ("human (second annotator), challenge's 30 test slices", "0.000005", "0.0021", "0.0010", "-"),
    ("U-Net of the paper, challenge's 30 test slices", "0.000353", "0.0382", "0.0611", "-"),
)


@dataclass(frozen=True)
class Variant:
    """One training of the experiment.

    Attributes
    ----------
    name, words : str
        Name of its files; its words in the table.
    start : str or None
        Model to start from; None: He initialisation.
    """

    name: str
    words: str
    start: str | None = None
    weights: WeightSettings = WEIGHTS
    augment: AugmentSettings = AUGMENT


VARIANTS = (
    Variant("he", "He initialisation, the whole recipe"),
    Variant("bundled", f"bundled weights ({DEFAULT_MODEL}), the whole recipe", start=DEFAULT_MODEL),
    Variant("rigid", "He, without elastic deformation", augment=AugmentSettings(flip=False, zoom=1, displacement=0)),
    Variant("unweighted", "He, without weight map", weights=WeightSettings(w0=0, balance="never")),
)


def main(arguments: Sequence[str] | None = None) -> int:
    """Train and test whatever is not yet in the folder of results, then print the table."""
    parser = argparse.ArgumentParser(prog="python -m benchmarks paper", description=__doc__)
    parser.add_argument("--data", type=Path, required=True, help="folder with images/NN.png and labels/NN.png, 00..29")
    parser.add_argument("-o", "--output", type=Path, default=Path("paper"), help="folder for models, scores, logs")
    parser.add_argument("--steps", type=int, default=600, help="steps of every training (default: %(default)s)")
    parser.add_argument("--width", type=int, default=16, help="channels of the first level (default: %(default)s)")
    parser.add_argument("--rate", type=float, default=5e-4, help="learning rate of SGD (default: %(default)s)")
    parser.add_argument("--only", nargs="+", choices=[one.name for one in VARIANTS], help="these trainings alone")
    parser.add_argument("--picture", type=Path, help="SVG to draw of the held-out loss; needs matplotlib")
    args = parser.parse_args(arguments)
    args.output.mkdir(parents=True, exist_ok=True)
    chosen = [one for one in VARIANTS if not args.only or one.name in args.only]
    settings = TrainSettings(
        steps=args.steps, recipe="paper", learning_rate=args.rate, scale=1, hold=0, width=args.width, depth=5
    )
    for variant in chosen:
        train_variant(variant, args.data, args.output, settings)
        for rotations in ROTATIONS:
            predict_variant(variant, args.data, args.output, rotations)
    print(table(chosen, args.data, args.output).markdown())
    if args.picture:
        # Without a weight map, held-out pixels are weighed otherwise: that loss cannot be compared with the others.
        draw([one for one in chosen if one.weights == WEIGHTS], args.output, args.picture)
    return 0


def read_samples(data: Path, numbers: Sequence[int]) -> list[Sample]:
    """Read slices as samples: membranes (above 0 in the files) are background, the insides of cells are class 2."""
    samples = []
    for number in numbers:
        image, labels = (
            np.asarray(read_image(data / folder / f"{number:02d}.png").data) for folder in ("images", "labels")
        )
        annotation = np.where(labels > 0, 1, 2).astype(np.uint8)
        samples.append(Sample(image[None], annotation, measure(image[None]), name=f"{number:02d}"))
    return samples


def train_variant(variant: Variant, data: Path, output: Path, settings: TrainSettings) -> None:
    """Train, and write NAME.safetensors and the log NAME.jsonl, unless the model exists already."""
    from napari_upaint.engine.progress import TrainProgress
    from napari_upaint.engine.train import train

    path = output / f"{variant.name}.safetensors"
    if path.exists():
        return
    running = train(
        read_samples(data, TRAINING),
        kind="classes",
        start=load_model(variant.start) if variant.start else None,
        settings=settings,
        weights=variant.weights,
        augment=variant.augment,
        device="cpu",
        name=f"isbi2012-{variant.name}",
    )
    spent = time.process_time()
    with (output / f"{variant.name}.jsonl").open("w", encoding="utf-8") as log:
        for message in running:
            if isinstance(message, TrainProgress):
                if message.step % 10 == 0 or message.validation is not None:
                    log.write(json.dumps(asdict(message)) + "\n")
                    log.flush()
                continue
            processor = time.process_time() - spent
            _note(output, variant.name, steps=message.steps, seconds=message.seconds, processor_seconds=processor)
            save_model(message.model, path)
    print(f"{variant.name}: {message.message}", flush=True)


def predict_variant(variant: Variant, data: Path, output: Path, rotations: int) -> None:
    """Write the scores of the cells' insides in the test slices, (N, Y, X), unless the file exists already."""
    from napari_upaint.engine.segment import segment_plane

    path = _scores(variant, output, rotations)
    if path.exists():
        return
    model, settings = load_model(output / f"{variant.name}.safetensors"), PredictSettings(rotations=rotations)
    planes = []
    for sample in read_samples(data, TEST):
        *_, result = segment_plane(sample.image, sample.normalization, model, settings=settings, device="cpu")
        planes.append(result.scores[result.names.index("object")])
    with replacing(path) as new, new.open("wb") as file:
        np.save(file, np.stack(planes))


def _scores(variant: Variant, output: Path, rotations: int) -> Path:
    return output / f"{variant.name}_{rotations}.npy"


def _note(output: Path, name: str, **found: object) -> None:
    with (output / "results.jsonl").open("a", encoding="utf-8") as results:
        results.write(json.dumps({"run": name} | found) + "\n")


def table(variants: Sequence[Variant], data: Path, output: Path) -> Table:
    """Return the table of the scores of what is in the folder of results, with the paper's figures."""
    from napari_upaint.core.isbi import isbi_scores

    truth = np.stack([sample.annotation == 2 for sample in read_samples(data, TEST)])
    notes = _notes(output)
    rows = []
    for variant in variants:
        for rotations in ROTATIONS:
            scores = np.load(_scores(variant, output, rotations)).astype(np.float32)
            found, note = isbi_scores(scores, truth), notes[variant.name]
            averaged = f"{rotations} rotations averaged" if rotations > 1 else "no rotations averaged"
            measures = (f"{found.warping:.6f}", f"{found.rand:.4f}", f"{found.pixel:.4f}", f"{found.v_rand:.4f}")
            rows.append([f"{variant.words}; {averaged}", *measures, str(note["steps"]), _minutes(note)])
            _note(output, variant.name, rotations=rotations, **asdict(found))
    rows += [[*published, "", ""] for published in PUBLISHED]
    columns = ("", "warping error", "Rand error", "pixel error", "V-Rand", "steps", "processor min")
    return Table("ISBI 2012", "Trained on slices 00-23, tested on 24-29.", columns, rows)


def draw(variants: Sequence[Variant], output: Path, target: Path) -> None:
    """Draw the loss on held-out pixels of the training slices against the steps, from the logs."""
    import matplotlib as mpl

    mpl.use("svg")
    mpl.rcParams["svg.hashsalt"] = "upaint"
    from matplotlib import pyplot

    figure, axis = pyplot.subplots(figsize=(7, 3.6), layout="constrained")
    for variant in variants:
        lines = [json.loads(line) for line in (output / f"{variant.name}.jsonl").read_text("utf-8").splitlines()]
        points = [(line["step"], line["validation"]) for line in lines if line["validation"] is not None]
        axis.plot(*zip(*points, strict=True), "o-", markersize=3, label=variant.words)
    axis.set(xlabel="steps", ylabel="loss on held-out pixels", ylim=(0, None))
    axis.grid(alpha=0.3)
    axis.legend(fontsize=8)
    target.parent.mkdir(parents=True, exist_ok=True)
    figure.savefig(target, metadata={"Date": None})
    pyplot.close(figure)


def _minutes(note: dict[str, float]) -> str:
    return f"{note['processor_seconds'] / 60:.1f}"


def _notes(output: Path) -> dict[str, dict[str, float]]:
    """Return the last note about each training."""
    lines = [json.loads(line) for line in (output / "results.jsonl").read_text("utf-8").splitlines()]
    return {line["run"]: line for line in lines if "steps" in line}


if __name__ == "__main__":
    sys.exit(main())
