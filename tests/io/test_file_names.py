"""Names of files made of anything."""

import pytest

from napari_upaint.io.file_names import file_name


@pytest.mark.parametrize(
    ("text", "name"),
    [
        ("cells", "cells"),
        ("../../etc/passwd", "_.._etc_passwd"),
        (" . ", "image"),
        ("", "image"),
        ("ü 細胞 \0 /", "ü 細胞 _ _"),
        ("x" * 500, "x" * 60),
        ("a" * 59 + ". b", "a" * 59),
        ('con<>:"|?*', "con_______"),
    ],
)
def test_it_fits_every_file_system(text, name):
    assert file_name(text, "image") == name
