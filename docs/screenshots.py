"""Make the pictures of the documentation by running the real program.

``python tests/under_xvfb.py python docs/screenshots.py [--seconds S] [NAME ...]`` opens napari on samples with strokes
painted, trains, and writes docs/images/NAME.png.
"""

from __future__ import annotations

import argparse
import math
import os
import tempfile
import time
from collections.abc import Callable
from pathlib import Path
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from napari import Viewer

    from napari_upaint.widgets.upaint import UPaintDock

IMAGES = Path(__file__).parent / "images"
SIZE = (1400, 900)
PATIENCE = 600.0


class Session:
    """A viewer of the demo on a sample, `extra` pixels higher than usual, driven through what a user presses."""

    def __init__(self, sample: str, extra: int = 0) -> None:
        from napari_upaint.commands.demo import open_window
        from napari_upaint.widgets import _notifying
        from napari_upaint.widgets.upaint import UPaintDock

        # No window of a display without a screen is the active one, but nobody looks at another one meanwhile.
        _notifying.LONG = math.inf
        self.viewer: Viewer = open_window(sample)
        self._window = self.viewer.window._qt_window  # noqa: SLF001 (napari has no public way to it)
        self._window.resize(SIZE[0], SIZE[1] + extra)
        self.dock: UPaintDock = self._window.findChild(UPaintDock)
        train, engine = self.dock.sections.train, self.dock.sections.engine
        self.wait(lambda: train.button.isEnabled() and engine.device.text().startswith("Computes on"))
        self.rest(1)  # the canvas gets its size
        self.viewer.reset_view()
        self.rest(1)

    def wait(self, until: Callable[[], bool]) -> None:
        """Let the program run until something has happened."""
        from qtpy.QtWidgets import QApplication

        end = time.monotonic() + PATIENCE
        while not until():
            if time.monotonic() > end:
                raise TimeoutError(f"It said: {self.dock.sections.message.text()!r}")
            QApplication.processEvents()
            time.sleep(0.01)

    def rest(self, seconds: float) -> None:
        """Let the program run for a while."""
        end = time.monotonic() + seconds
        self.wait(lambda: time.monotonic() > end)

    def train(self, seconds: int) -> None:
        """Press Train."""
        self.dock.sections.train.seconds.setValue(seconds)
        self.dock.sections.train.button.click()
        self.rest(0.5)

    def settle(self) -> None:
        """Wait until training, segmenting and weight map are done."""
        self.wait(lambda: not (self.dock.working.busy or self.dock.live_weights.busy))
        self.viewer.reset_view()
        self.rest(1)

    def layer(self, ending: str) -> str:
        """Return the name of the layer with an ending."""
        return next(layer.name for layer in self.viewer.layers if layer.name.endswith(ending))

    def shoot(self, name: str) -> None:
        """Write the whole window, when painted pixels have been counted."""
        self.rest(1.5)
        self.wait(lambda: not self.dock.choosing.brush.busy)
        self.rest(0.2)
        IMAGES.mkdir(exist_ok=True)
        self.viewer.screenshot(str(IMAGES / f"{name}.png"), canvas_only=False, flash=False)
        print(f"{IMAGES / name}.png")

    def close(self) -> None:
        """Close the viewer."""
        self.viewer.close()
        self.rest(0.5)


def window(seconds: int) -> None:
    """Write window.png: cells that the bundled models find in pieces without a training."""
    session = Session("cells_phase")
    session.train(seconds)
    session.settle()
    session.viewer.layers[session.layer("scores")].visible = False
    session.shoot("window")
    session.close()


def first_steps(seconds: int) -> None:
    """Write painted.png and training.png."""
    session = Session("cells_phase")
    session.shoot("painted")
    session.train(seconds)
    plot = session.dock.sections.train.plot
    end = time.monotonic() + 0.6 * seconds
    session.wait(lambda: len(plot.loss) > 5 and time.monotonic() > end)
    session.shoot("training")
    session.close()


def weight_map(_seconds: int) -> None:
    """Write weight_map.png: of whole nuclei, since strokes inside them do not reach the gaps; nothing is trained."""
    session = Session("nuclei_fluorescence")
    paint_all(session, (slice(160, 360), slice(150, 400)))
    session.dock.sections.weights.live.click()
    session.wait(lambda: any(layer.name.endswith("weight map") for layer in session.viewer.layers))
    session.settle()
    for layer in session.viewer.layers:
        layer.visible = layer.name.endswith(("weight map", "nuclei_fluorescence"))
    session.shoot("weight_map")
    session.close()


def table(seconds: int) -> None:
    """Write table.png: what was measured after a training, and the dock scrolled down to Segment."""
    from qtpy.QtWidgets import QScrollArea

    session = Session("cells_phase", extra=60)  # the table leaves less room for the list of layers
    session.train(seconds)
    session.settle()
    section = session.dock.sections.segment
    section.measure_button.click()
    session.wait(section.table_button.isEnabled)
    session.dock.sections.message.clear()
    section.show_button.click()
    session.rest(1)
    session.viewer.reset_view()
    scroll = session.dock.findChild(QScrollArea)
    assert scroll is not None
    scroll.verticalScrollBar().setValue(section.mapTo(scroll.widget(), section.rect().topLeft()).y() - 40)
    session.shoot("table")
    session.close()


def loop(seconds: int) -> None:
    """Write live.png, where_next.png, regions.png and gallery.png."""
    session = Session("nuclei_fluorescence")
    dock = session.dock
    dock.sections.train.preview.click()
    session.train(seconds)
    end = time.monotonic() + 0.7 * seconds
    session.wait(lambda: time.monotonic() > end and any(one.name.endswith("preview") for one in session.viewer.layers))
    session.shoot("live")
    session.settle()
    dock.sections.train.preview.click()
    for layer in session.viewer.layers:
        layer.visible = not layer.name.endswith(("scores", "preview"))
    dock.where_next.search()
    session.wait(lambda: not dock.where_next.busy)
    session.shoot("where_next")
    regions(session)
    gallery(session)
    session.close()


def regions(session: Session) -> None:
    """Write regions.png: two rectangles, the second one judges."""
    labels = session.dock.sections.labels.regions
    labels.draw_button.click()
    layer = session.viewer.layers[session.layer("regions")]
    box = (slice(212, 292), slice(196, 280))
    paint_all(session, box)
    layer.add_rectangles([[one.start for one in box], [one.stop for one in box]])
    layer.add_rectangles([[380, 10], [505, 135]])
    layer.selected_data = {1}
    labels.turn_button.click()
    layer.selected_data = set()
    for one in session.viewer.layers:
        one.visible = one.name.endswith(("strokes", "regions", "nuclei_fluorescence"))
    session.viewer.reset_view()
    session.shoot("regions")


def paint_all(session: Session, box: tuple[slice, slice]) -> None:
    """Paint every nucleus in a box, from the ground truth: fully annotated means that nothing is left out."""
    import numpy as np

    from napari_upaint.io.samples import open_sample

    truth = np.asarray(open_sample("nuclei_fluorescence").truth)[box]
    annotation = session.viewer.layers[session.layer("strokes")]
    painted = annotation.data.copy()
    for number, nucleus in enumerate(np.unique(truth[truth > 0])):
        painted[box][truth == nucleus] = 20 + number
    annotation.data = painted


def gallery(session: Session) -> None:
    """Write gallery.png: the window of training tiles."""
    session.dock.sections.weights.gallery_button.click()
    session.wait(lambda: not session.dock.gallery.busy)
    session.rest(0.5)
    window = session.dock.gallery.window
    assert window is not None
    window.grab().save(str(IMAGES / "gallery.png"))
    print(f"{IMAGES / 'gallery'}.png")


def several(seconds: int) -> None:
    """Write several.png: two parts of a stained section as two images, painted on both and learnt together."""
    session = Session("nuclei_he")
    dock, layers = session.dock, session.viewer.layers
    image, strokes = layers["nuclei_he"].data, layers[session.layer("strokes")].data
    layers.clear()
    half = image.shape[1] // 2
    for name, columns in (("section 1", slice(0, half)), ("section 2", slice(half, None))):
        added = session.viewer.add_image(image[:, columns], name=name, rgb=True)
        dock.sections.image.combo.set_key(added.unique_id)
        dock.sections.labels.new_button.click()
        layers[f"{name} annotation"].data = strokes[:, columns].astype("uint16")
        session.rest(1)
    for layer in layers:
        layer.visible = layer.name.startswith("section 2")
    session.train(seconds)
    session.settle()
    layers["section 2 scores"].visible = False
    session.shoot("several")
    session.close()


def volume(seconds: int) -> None:
    """Write volume.png: nuclei of a stack in space, after painting on three slices."""
    import numpy as np
    from qtpy.QtWidgets import QScrollArea

    from napari_upaint.core.strokes import paint_strokes
    from napari_upaint.io.samples import open_sample

    session = Session("nuclei_he")
    dock, layers = session.dock, session.viewer.layers
    layers.clear()
    sample, rng = open_sample("nuclei_3d"), np.random.default_rng(1)
    truth = np.asarray(sample.truth).astype(int)
    session.viewer.add_image(np.asarray(sample.image.data), name="nuclei_3d")
    dock.sections.labels.new_button.click()
    annotation = layers["nuclei_3d annotation"]
    painted = annotation.data.copy()
    for z in (len(truth) // 3, len(truth) // 2, 2 * len(truth) // 3):
        strokes = paint_strokes(truth[z], rng, n_object=5, n_background=3, length=20)
        painted[z] = np.where(strokes > 1, truth[z] + 1, strokes)  # one number in all slices
    annotation.data = painted
    session.wait(dock.sections.train.button.isEnabled)
    session.train(seconds)
    session.settle()
    section = dock.sections.segment
    section.volume_box.click()
    section.buttons["layer"].click()
    session.rest(0.5)
    session.settle()
    for layer in layers:
        layer.visible = layer.name == "nuclei_3d labels"
    layers["nuclei_3d labels"].opacity = 1
    session.viewer.dims.ndisplay = 3
    session.viewer.reset_view()
    session.viewer.scene.camera.angles = (-20, 35, 150)
    scroll = dock.findChild(QScrollArea)
    assert scroll is not None
    scroll.verticalScrollBar().setValue(section.mapTo(scroll.widget(), section.rect().topLeft()).y() - 40)
    session.shoot("volume")
    session.close()


PICTURES = {
    "window": window,
    "first_steps": first_steps,
    "weight_map": weight_map,
    "loop": loop,
    "several": several,
    "table": table,
    "volume": volume,
}


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("names", nargs="*", choices=[[], *PICTURES], help="which to make (default: all)")
    parser.add_argument("--seconds", type=int, default=40, help="how long to train")
    args = parser.parse_args()
    with tempfile.TemporaryDirectory() as home:
        # Neither models nor preferences of whoever runs this get into the pictures, nor paint of the picture before.
        os.environ["XDG_CONFIG_HOME"] = home
        for name in args.names or PICTURES:
            os.environ["UPAINT_HOME"] = str(Path(home, name))
            PICTURES[name](args.seconds)


if __name__ == "__main__":
    main()
