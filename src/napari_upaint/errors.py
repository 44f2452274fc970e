"""Errors with texts for a dialog: what is wrong, the value seen, what to do."""


class UserError(Exception):
    """Something that the user can put right; the text is one clear sentence.

    It must not be a ``RuntimeError``: if a generator worker of napari raises one, it emits no signal at all.
    """


class ImageError(UserError):
    """An image that cannot be worked with, for instance a constant one."""


class AnnotationError(UserError):
    """Painted labels that cannot be learnt from, for instance none."""


class ModelError(UserError):
    """A file that is not a model, or a model that does not fit the image."""


class FileError(UserError):
    """A file or folder that cannot be read or written."""


class EngineError(UserError):
    """The engine process failed or ended; the window goes on."""


def reason(error: BaseException) -> str:
    """Return what an error of the system or of a library says, in one line: its name if it says nothing."""
    return getattr(error, "strerror", None) or str(error).split("\n")[0].rstrip(".") or type(error).__name__


def with_name(sentence: str, name: str) -> str:
    """Return a sentence with a name instead of "The image" at its beginning: code that computes knows no names."""
    return name + sentence.removeprefix("The image") if sentence.startswith("The image ") else sentence
