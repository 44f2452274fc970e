"""Errors whose text is fit for a dialog: what is wrong, the value seen, what to do."""


class UserError(Exception):
    """Something that the user can put right; the text is one clear sentence.

    Never a ``RuntimeError``: a generator worker of napari that raises one emits no signal at all.
    """


class ImageError(UserError):
    """An image that cannot be worked with, for instance a constant one."""


class AnnotationError(UserError):
    """Painted labels that cannot be learnt from, for instance none."""


class ModelError(UserError):
    """A model file that is none, or that does not fit the image."""


class FileError(UserError):
    """A file or folder that cannot be read or written."""


class EngineError(UserError):
    """The engine process failed or ended; the window lives on."""


def with_name(sentence: str, name: str) -> str:
    """Return a sentence with a name for "The image" at its beginning: what computes does not know what it has got."""
    return name + sentence.removeprefix("The image") if sentence.startswith("The image ") else sentence
