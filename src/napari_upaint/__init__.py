"""Paint, train, segment: a pretrained U-Net that learns from brush strokes."""

__version__ = "0.1.0"
