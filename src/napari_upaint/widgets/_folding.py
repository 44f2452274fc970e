"""A section that is folded away until its title is clicked."""

from __future__ import annotations

from qtpy.QtCore import QSize
from superqt import QCollapsible


class Folding(QCollapsible):
    """A collapsible section, collapsed at first. Its arrow is a part of the title.

    superqt's own arrow is a small picture in the colour of the theme that Qt knows: black on napari's dark gray.
    """

    def __init__(self, title: str, tip: str) -> None:
        super().__init__(title, expandedIcon=" ", collapsedIcon=" ")
        self.toggleButton().setIconSize(QSize(0, 0))
        self.toggleButton().setToolTip(tip)
        self.toggleButton().setAccessibleName(title)
        self.setDuration(0)  # an animation makes the sections below dance
        # Tab must not go to what nobody sees; but room for its width stays, or the dock would jump when it is unfolded.
        policy = self.content().sizePolicy()
        policy.setRetainSizeWhenHidden(True)
        self.content().setSizePolicy(policy)
        self.toggled.connect(self.content().setVisible)
        self.toggled.connect(lambda unfolded: self.setText(f"{'▾' if unfolded else '▸'} {title}"))
        self.collapse(animate=False)
