"""Why a button cannot be pressed, in words, '' if it can; and how that is shown."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field

from qtpy.QtGui import QAction
from qtpy.QtWidgets import QWidget

from napari_upaint.settings import Kind
from napari_upaint.widgets._plain_text import plain


@dataclass(frozen=True, slots=True)
class Situation:
    """What the dock knows when it decides which buttons work."""

    image: bool = False
    annotation: bool = False
    fits: bool = True
    painted_on: str = ""  # another image that the labels belong to
    corrected: bool = False  # the labels are a result that was corrected by hand
    no_brush: str = ""  # why napari's brush does not paint on the labels
    in_hand: bool = True  # the labels are selected in napari's list of layers: else there is no brush
    pixels: Mapping[int, int] = field(default_factory=dict)
    others: frozenset[int] = frozenset()  # labels on other images that are learnt from, too
    counted: bool = True
    kind: Kind = "objects"
    model: bool = True
    misfit: str = ""  # why the image does not suit the model, such as 3D and a plane
    segmented: bool = False  # there are labels of the image
    measuring: bool = False
    measured: bool = False
    activity: str = ""  # what runs: "training", "segmenting"


def allow(control: QWidget | QAction, why: str, tip: str) -> None:
    """Enable a control, with its tip; or disable it, and let its tip say why."""
    control.setEnabled(not why)
    control.setToolTip(plain(why or tip))


def busy(situation: Situation) -> str:
    """Return what has to end first."""
    return {
        "": "",
        "training": "A training is running; stop it first (T).",
        "segmenting": "Images are being segmented; stop that first.",
    }[situation.activity]


def why_not_new_labels(situation: Situation) -> str:
    """Return why no labels layer can be made."""
    return "" if situation.image else "Open an image first."


def why_not_take_masks(situation: Situation) -> str:
    """Return why there is no finished segmentation to make labels from."""
    if not situation.image:
        return "Open an image first."
    if not situation.annotation:
        return (
            "Open a finished segmentation of this image first. If it opened as an image, right-click it in napari's"
            " list of layers and choose Convert to Labels."
        )
    misfit = "The chosen labels differ in size from the image; choose others, or the image that they belong to."
    return "" if situation.fits else misfit


def why_not_paint(situation: Situation) -> str:
    """Return why there is nothing to paint on."""
    if not situation.annotation:
        return why_not_new_labels(situation) or "Press 'New labels' first."
    return (_why_not_fitting(situation) if situation.image else _why_no_paint(situation)) or situation.no_brush


def why_not_weigh(situation: Situation) -> str:
    """Return why there is no weight map to show."""
    if situation.image and situation.annotation and not _why_not_fitting(situation):
        return ""  # the map appears with the first stroke
    return _why_not_learn(situation)


def why_not_train(situation: Situation) -> str:
    """Return why training cannot begin."""
    return busy(situation) or _why_not_learn(situation) or situation.misfit


def why_not_segment(situation: Situation) -> str:
    """Return why nothing can be segmented."""
    if not situation.image:
        return "Open an image first."
    none = "A network from scratch knows nothing yet; train it first, or choose another model."
    return busy(situation) or ("" if situation.model else none) or situation.misfit


def why_not_measure(situation: Situation) -> str:
    """Return why there is nothing to measure."""
    if not situation.image:
        return "Open an image first."
    if situation.activity == "segmenting":
        return busy(situation)
    if not situation.segmented:
        return "Segment the image first."
    return "The objects are being measured; wait a moment." if situation.measuring else ""


def why_not_save_table(situation: Situation) -> str:
    """Return why there is no table to save."""
    return why_not_measure(situation) or ("" if situation.measured else "Press 'Measure' first.")


def _why_not_fitting(situation: Situation) -> str:
    """Return why the labels cannot be learnt from on this image."""
    if not situation.fits:
        return "The labels differ in size from the image; press 'New labels'."
    return _why_no_paint(situation)


def _why_no_paint(situation: Situation) -> str:
    """Return why what is on the labels is not paint on this image."""
    if situation.corrected:
        return "These labels are a result that you corrected; press 'From masks' to learn them, or 'New labels'."
    other = situation.painted_on
    says = f"These labels were painted on {other}; press 'New labels', or pick them in the list if both show the same."
    return says if other else ""


def _why_not_learn(situation: Situation) -> str:
    if not situation.image:
        return "Open an image first."
    if not situation.annotation:
        return "Press 'New labels' and paint first."
    if unfit := _why_not_fitting(situation):
        return unfit
    if not situation.counted:
        return ""
    following = "Next object" if situation.kind == "objects" else "Next class"
    if not situation.pixels:
        nothing = f"Nothing is painted yet: press 'Background' and paint some, then '{following}' and paint some."
        return situation.no_brush or nothing
    painted = {*situation.pixels, *situation.others}
    if painted == {1}:
        return f"Only background is painted; press '{following}' and paint some, too."
    if 1 not in painted and (situation.kind == "objects" or len(painted) < 2):
        return "No background is painted; press 'Background' and paint some, too."
    return ""
