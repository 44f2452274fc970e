"""Make the film of the tutorial by running the real program.

``python tests/under_xvfb.py python docs/recording.py [--seconds S]`` paints the strokes of a sample one by one, trains
with the live preview on, and writes docs/images/loop.gif.
"""

from __future__ import annotations

import argparse
import os
import tempfile
import time
from typing import TYPE_CHECKING

import numpy as np
from PIL import Image
from scipy import ndimage
from screenshots import IMAGES, Session

if TYPE_CHECKING:
    from napari.layers import Labels

WIDTH = 840  # px: what a page shows
COLOURS = 224
SAMPLE = "cells_phase"


class Film:
    """Pictures of a window, and how long each is shown."""

    def __init__(self, session: Session) -> None:
        self.session = session
        self.frames: list[Image.Image] = []
        self.milliseconds: list[int] = []

    def take(self, milliseconds: int) -> None:
        """Take the window as it is now."""
        self.session.rest(0.15)
        picture = Image.fromarray(self.session.viewer.screenshot(canvas_only=False, flash=False)).convert("RGB")
        size = (WIDTH, round(picture.height * WIDTH / picture.width))
        self.frames.append(picture.resize(size, Image.Resampling.LANCZOS))
        self.milliseconds.append(milliseconds)

    def write(self, name: str) -> None:
        """Write docs/images/NAME.gif with one palette for all frames: it does not flicker."""
        # Gray prevails, and would leave a few colours for all objects and the small squares in the dock.
        palette = self._together(8).quantize(COLOURS, Image.Quantize.MAXCOVERAGE, kmeans=3)
        still = Image.Dither.NONE  # dithering would change every pixel of every frame
        first, *others = [frame.quantize(palette=palette, dither=still) for frame in self.frames]
        path = IMAGES / f"{name}.gif"
        first.save(path, save_all=True, append_images=others, duration=self.milliseconds, loop=0, optimize=True)
        print(f"{path}: {len(self.frames)} frames, {path.stat().st_size / 1e6:.1f} MB")

    def _together(self, count: int) -> Image.Image:
        """Return `count` frames from first to last in one picture: their colours stand for all."""
        width, height = self.frames[0].size
        whole = Image.new("RGB", (width, count * height))
        for number in range(count):
            frame = self.frames[number * (len(self.frames) - 1) // (count - 1)]
            whole.paste(frame, (0, number * height))
        return whole


def record(seconds: int) -> None:
    """Paint, train, look at the preview, segment."""
    session = Session(SAMPLE)
    film = Film(session)
    annotation = session.viewer.layers[session.layer("strokes")]
    strokes = annotation.data
    annotation.data = np.zeros_like(strokes)
    session.viewer.reset_view()
    film.take(1200)
    paint(film, annotation, strokes)
    film.take(800)
    train(film, seconds)
    session.settle()
    session.dock.sections.train.preview.setChecked(False)
    session.viewer.layers[session.layer("scores")].visible = False
    film.take(3000)
    film.write("loop")
    session.close()


def paint(film: Film, annotation: Labels, strokes: np.ndarray) -> None:
    """Paint the strokes one after the other, two frames each."""
    for label in np.unique(strokes[strokes > 0]):
        parts, count = ndimage.label(strokes == label, np.ones((3, 3)))
        annotation.selected_label = int(label)
        for part in range(1, count + 1):
            places = np.argwhere(parts == part)
            for some in np.array_split(places, 2):
                painted = annotation.data.copy()
                painted[tuple(some.T)] = label
                annotation.data = painted
                film.take(70)


def train(film: Film, seconds: int) -> None:
    """Train with the live preview on, and watch."""
    session = film.session
    session.dock.sections.train.preview.setChecked(True)
    session.train(seconds)
    end = time.monotonic() + seconds + 60
    while session.dock.working.busy and time.monotonic() < end:
        film.take(160)
        session.rest(seconds / 50)


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--seconds", type=int, default=30, help="how long to train")
    args = parser.parse_args()
    with tempfile.TemporaryDirectory() as home:
        os.environ["UPAINT_HOME"] = os.environ["XDG_CONFIG_HOME"] = home
        record(args.seconds)


if __name__ == "__main__":
    main()
