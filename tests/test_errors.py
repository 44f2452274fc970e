"""What an error of the system or of a library says, in one line."""

import errno

import pytest

from napari_upaint.errors import reason


@pytest.mark.parametrize(
    ("error", "told"),
    [
        (OSError(errno.ENOSPC, "No space left on device", "/tmp/a"), "No space left on device"),
        (OSError("the network is down."), "the network is down"),
        (ValueError("bad strip.\nIt lies at 8."), "bad strip"),
        (KeyError(), "KeyError"),
    ],
)
def test_in_one_line(error, told):
    assert reason(error) == told
