"""The channel: any message crosses exactly, with or without room in shared memory."""

import errno
import io
import os
import stat
import tempfile
import threading
import time
from pathlib import Path

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st
from hypothesis.extra import numpy as hnp

from napari_upaint.session import shared
from napari_upaint.session.shared import LEAST_SHARED, NAME, Channel, sweep, sweep_forgotten

PREFIX = f"{NAME}{os.getpid()}-test-"


def left():
    return [path for folder in shared.folders() for path in folder.glob(f"{PREFIX}*")]


def cross(message):
    """Send a message through a pipe and return what arrives."""
    there, back = os.pipe(), os.pipe()
    sender = Channel(os.fdopen(back[0], "rb"), os.fdopen(there[1], "wb"), PREFIX, "a")
    receiver = Channel(os.fdopen(there[0], "rb"), os.fdopen(back[1], "wb"), PREFIX, "b")
    thread = threading.Thread(target=sender.send, args=(message,))
    thread.start()
    received = receiver.receive()
    thread.join()
    sender.close()
    receiver.close()
    assert left() == []
    return received


@given(
    hnp.arrays(
        st.one_of(hnp.integer_dtypes(), hnp.floating_dtypes(), hnp.boolean_dtypes(), hnp.complex_number_dtypes()),
        hnp.array_shapes(min_dims=0, max_dims=4, min_side=0, max_side=5),
    ),
    st.integers(1, 3),
)
def test_arrays_of_any_type_and_size_cross_exactly(array, step):
    for one in (array, np.tile(array, 40_000)[::step], array.T, array.repeat(2)[::2]):
        back = cross({"x": [one, 1]})["x"][0]
        assert back.dtype == one.dtype
        assert back.shape == one.shape
        assert back.tobytes() == one.tobytes()


def test_records_dates_masks_and_objects_cross():
    records = np.zeros(9000, [("a", "i4"), ("b", "f8")])
    records["b"] = np.arange(9000)
    dates = np.arange(9000).astype("datetime64[s]")
    masked = np.ma.masked_less(np.arange(90_000), 5)
    objects = np.array(["a", None] * 9000, dtype=object)
    back = cross((records, dates, masked, objects))
    for one, other in zip(back, (records, dates, masked, objects), strict=True):
        assert type(one) is type(other)
        np.testing.assert_array_equal(one, other)
    assert back[2].mask.sum() == 5


def test_a_memory_map_crosses_as_an_array(tmp_path):
    mapped = np.memmap(tmp_path / "x", np.uint8, "w+", shape=(300, 400))
    mapped[5] = 7
    back = cross(mapped)
    assert type(back) is np.ndarray
    np.testing.assert_array_equal(back, mapped)


def test_an_array_that_occurs_twice_is_sent_once():
    array = np.zeros(LEAST_SHARED)
    a, b, c = cross([array, array, array[:]])
    assert a is b
    assert c is not a


def test_without_room_in_the_first_folder_the_next_one_is_used(tmp_path, monkeypatch):
    full = Path("/dev/full")
    if not full.exists():
        pytest.skip("needs /dev/full")
    crowded, roomy = tmp_path / "crowded", tmp_path / "roomy"
    crowded.mkdir()
    roomy.mkdir()
    monkeypatch.setattr(shared, "folders", lambda: [crowded, roomy])
    really = open

    def full_there(path, mode="r", **options):
        return really(full, "wb") if Path(path).parent == crowded else really(path, mode, **options)

    monkeypatch.setattr(shared, "open", full_there, raising=False)
    array = np.arange(99_999.0)
    np.testing.assert_array_equal(cross(array), array)
    monkeypatch.setattr(shared, "folders", lambda: [crowded, crowded])
    with pytest.raises(OSError, match="No space") as caught:
        shared._pack(array, "x")
    assert caught.value.filename == str(crowded / "x")


def test_there_is_always_another_folder():
    assert shared.folders()[-1] == Path(tempfile.gettempdir())


@pytest.mark.skipif(os.name != "posix", reason="permissions")
def test_nobody_else_can_read_the_arrays():
    path, _ = shared._pack(np.zeros(LEAST_SHARED), f"{PREFIX}x")
    try:
        assert stat.S_IMODE(os.stat(path).st_mode) == 0o600
    finally:
        sweep(PREFIX)
    assert left() == []


def test_what_cannot_be_sent_leaves_nothing():
    with pytest.raises(Exception, match="local object"):
        shared._pack([np.zeros(LEAST_SHARED), lambda: 0], f"{PREFIX}x")
    assert left() == []


@pytest.mark.skipif(os.name != "posix", reason="owners and links")
def test_nothing_is_written_behind_the_last_sweep():
    there = os.pipe()
    with os.fdopen(there[0], "rb") as reading:
        sender = Channel(io.BytesIO(), os.fdopen(there[1], "wb"), PREFIX, "a")
        sender.send("before")
        sender.hold(5)
        thread = threading.Thread(target=sender.send, args=(np.ones(LEAST_SHARED),), daemon=True)
        thread.start()
        thread.join(0.3)
        assert thread.is_alive()
        assert left() == []
        sender.close()
        assert reading.read().count(b"before") == 1


def test_a_message_that_nobody_reads_does_not_hold_up_the_end():
    there = os.pipe()
    with os.fdopen(there[0], "rb") as reading:
        sender = Channel(io.BytesIO(), os.fdopen(there[1], "wb"), PREFIX, "a")
        sending = threading.Thread(target=sender.send, args=("x" * 10**6,))  # more than a pipe holds
        sending.start()
        time.sleep(0.1)
        began = time.monotonic()
        sender.hold(0.2)
        assert 0.1 < time.monotonic() - began < 5
        drain = threading.Thread(target=reading.read)
        drain.start()
        sending.join()
        sender.close()
        drain.join()


def test_only_forgotten_files_are_swept(tmp_path, monkeypatch):
    monkeypatch.setattr(shared, "folders", lambda: [tmp_path])
    old, new, theirs, link = (tmp_path / f"{NAME}{pid}-0123abcd-e1" for pid in (1, 2, 3, 4))
    others = [tmp_path / f"{NAME}{name}" for name in ("results.tif", "5-0123abcd-e1.tif", "5-notes-e1", "5-0123abcd-")]
    for path in (old, new, theirs, *others):
        path.touch()
        os.utime(path, (0, 0))
    os.utime(new, (time.time() - 3600 * 23,) * 2)
    link.symlink_to(others[0])
    os.utime(link, (0, 0), follow_symlinks=False)
    really = Path.lstat

    def lstat(path):
        found = really(path)
        return os.stat_result((*found[:4], found.st_uid + 1, *found[5:])) if path == theirs else found

    monkeypatch.setattr(Path, "lstat", lstat)
    sweep_forgotten()
    assert set(tmp_path.iterdir()) == {new, theirs, link, *others}


def test_what_windows_says_of_a_pipe_without_a_reader_is_a_broken_pipe():
    class Pipe(io.BytesIO):
        def write(self, _):
            raise OSError(errno.EINVAL, "Invalid argument")

    with pytest.raises(BrokenPipeError, match="gone"):
        Channel(io.BytesIO(), Pipe(), PREFIX, "a").send("anything")


def test_the_end_of_the_other_side_is_an_end():
    there = os.pipe()
    receiver = Channel(os.fdopen(there[0], "rb"), os.fdopen(os.dup(2), "wb"), PREFIX, "b")
    with os.fdopen(there[1], "wb") as sender:
        sender.write(b"\x40\0\0")  # in the middle of a length
    with pytest.raises(EOFError):
        receiver.receive()
    receiver.close()
