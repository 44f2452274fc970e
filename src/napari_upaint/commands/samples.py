"""Read painted files as samples, for programs that train as the command does."""

from napari_upaint.commands._planes import load_samples

__all__ = ["load_samples"]
