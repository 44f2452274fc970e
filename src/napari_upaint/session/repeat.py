"""Write a training as text that repeats it: a Python program, or a command for a terminal."""

from __future__ import annotations

import os
import re
import shlex
import subprocess
from collections.abc import Iterator
from dataclasses import dataclass, fields
from pathlib import Path
from typing import Any

from napari_upaint.io.file_names import MODEL_ENDING, file_name
from napari_upaint.io.models import bundled_models, read_header
from napari_upaint.session.run import Run
from napari_upaint.settings import OF_NEW_NETWORKS, AugmentSettings, TrainSettings, WeightSettings

# Has a meaning to the shell of Windows, but not in quotes. Words with blanks are quoted anyway.
_ORDERS = re.compile(r"^\S*[&()^,;]\S*$")

_PROGRAM = """\
# Repeats the training "{title}" of {date} with U-Paint.
from pathlib import Path

from napari_upaint.commands.samples import load_samples
from napari_upaint.engine.train import train
from napari_upaint.io.models import load_model, save_model
from napari_upaint.settings import AugmentSettings, TrainSettings, WeightSettings

painted = [  # an image, and what is painted on it
{pairs}
]
training = train(
    load_samples(painted{ndim}),
    kind={kind!r},
    start={start},
    settings={settings},
    weights={weights},
    augment={augment},
    device={device!r},
    name={name!r},
)
for state in training:  # the last one is the result
    pass
print(state.message)
print(save_model(state.model, {output!r}))
"""


@dataclass(frozen=True, slots=True)
class Repeat:
    """A training and the files to repeat it on: images, each with its annotation. `start` None: from scratch."""

    run: Run
    pairs: tuple[tuple[Path, Path], ...]
    start: Path | None
    device: str = "auto"

    @property
    def output(self) -> str:
        """Name of the model's file."""
        return f"{file_name(self.run.name, 'model')}{MODEL_ENDING}"

    @property
    def ndim(self) -> int:
        """Return 3 if the network sees volumes, else 2."""
        if self.start is None:
            return self.run.settings.ndim
        return read_header(self.start).architecture.ndim

    @property
    def start_name(self) -> str:
        """Return what to call the start: the name of a bundled model, else its path."""
        if self.start is None:
            return "none"
        return self.start.stem if self.start in bundled_models() else str(self.start)


def as_python(repeat: Repeat) -> str:
    """Return a program that repeats a training and saves the model in the current folder.

    Raises
    ------
    ModelError
        If the model that it started from cannot be read.
    """
    run = repeat.run
    return _PROGRAM.format(
        title=" ".join(run.name.split()),
        date=run.date[:16].replace("T", " "),
        pairs="\n".join(f"    (Path({str(image)!r}), Path({str(painted)!r}))," for image, painted in repeat.pairs),
        ndim=", ndim=3" if repeat.ndim == 3 else "",
        kind=run.kind,
        start="None" if repeat.start is None else f"load_model({repeat.start_name!r})",
        settings=_call(run.settings),
        weights=_call(run.weights),
        augment=_call(run.augment),
        device=repeat.device,
        name=run.name,
        output=repeat.output,
    )


def as_command(repeat: Repeat) -> str:
    """Return a command that repeats a training and saves the model in the current folder."""
    run = repeat.run
    images, painted = (list(map(str, files)) for files in zip(*repeat.pairs, strict=True))
    words = ["upaint", "train", *images, "--labels", *painted, f"--{run.kind}", "--model", repeat.start_name]
    for settings in (run.settings, run.weights, run.augment):
        words += _options(settings, () if repeat.start is None else OF_NEW_NETWORKS)
    if repeat.device != "auto":
        words += ["--device", repeat.device]
    words += ["-o", repeat.output]
    return " ".join(map(_quoted, words)) if os.name == "nt" else shlex.join(words)


def _quoted(word: str) -> str:
    """Quote a word for the shell of Windows, which takes the & in "a&calc.tif" for the end of a command."""
    return f'"{word}"' if _ORDERS.search(word) else subprocess.list2cmdline([word])


def _told(settings: TrainSettings | WeightSettings | AugmentSettings) -> dict[str, Any]:
    """Return the settings that must be named: those that differ from the defaults, and the seconds or steps."""
    told = {one.name: getattr(settings, one.name) for one in fields(settings)}
    kept = {one.name for one in fields(settings) if told[one.name] != one.default}
    if isinstance(settings, TrainSettings):
        kept = kept - {"seconds"} if settings.steps else kept | {"seconds"}
    return {name: value for name, value in told.items() if name in kept}


def _call(settings: TrainSettings | WeightSettings | AugmentSettings) -> str:
    said = ", ".join(f"{name}={value!r}" for name, value in _told(settings).items())
    return f"{type(settings).__name__}({said})"


def _options(settings: TrainSettings | WeightSettings | AugmentSettings, without: tuple[str, ...]) -> Iterator[str]:
    for name, value in _told(settings).items():
        option = name.replace("_", "-")
        if name in without:
            continue
        if isinstance(value, bool):
            yield f"--{option}" if value else f"--no-{option}"
        else:
            yield from (f"--{option}", str(value))
