"""Sentences for what went wrong."""

import errno

import pytest

from napari_upaint.errors import ImageError
from napari_upaint.session.faults import describe, describe_exit


@pytest.mark.parametrize(
    ("code", "words"),
    [
        (-9, "signal 9), most likely because memory ran out"),
        (137, "signal 9), most likely because memory ran out"),
        (-11, "SIGSEGV"),
        (139, "SIGSEGV"),
        (-6, "SIGABRT"),
        (-99, "unknown"),
        (0xC0000005, "access violation"),
        (0xC000001D, "illegal instruction"),
        (0xC0000409, "abort"),
        (0xC0000017, "because memory ran out"),
        (1, "exit code 1"),
        (0, "exit code 0"),
        (None, "exit code None"),
    ],
)
def test_an_exit_code_becomes_one_sentence(code, words):
    sentence = describe_exit(code)
    assert words in sentence
    assert sentence.endswith(".")
    assert sentence.count(". ") == 0


def test_an_error_becomes_one_sentence_with_its_traceback():
    try:
        try:
            1 / 0  # noqa: B018
        except ZeroDivisionError as cause:
            raise ImageError("Too dark; use another image.") from cause
    except ImageError as error:
        sentence, details = describe(error)
    assert sentence == "Too dark; use another image."
    assert "ZeroDivisionError" in details
    assert describe(ValueError("several\nlines."))[0].startswith("Something unexpected happened (ValueError: several)")
    assert "no message" in describe(KeyError())[0]
    for error in (
        MemoryError(),
        RuntimeError("CUDA out of memory. Tried to allocate 2 GiB"),
        RuntimeError("MPS backend out of memory (MPS allocated: 1 GB)"),
        RuntimeError("DefaultCPUAllocator: not enough memory: you tried to allocate 9 bytes."),
        RuntimeError("std::bad_alloc"),
        RuntimeError("CUDNN_STATUS_ALLOC_FAILED"),
    ):
        assert describe(error)[0].startswith("Memory ran out; ")


def test_a_full_disk_is_named():
    full = OSError(errno.ENOSPC, "No space left on device")
    assert describe(full)[0] == "The disk is full ([Errno 28] No space left on device); make room there, and try again."
    full.filename = "/tmp/upaint-1"
    assert describe(full)[0] == "The disk is full (/tmp/upaint-1); make room there, and try again."
    assert describe(OSError(errno.EIO, "Input/output error"))[0].startswith("Something unexpected")
