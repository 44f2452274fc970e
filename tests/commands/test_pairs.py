"""Which labels belong to which image: never silently the wrong ones, nor none."""

from __future__ import annotations

from collections.abc import Callable
from pathlib import Path

import pytest
import tifffile

from napari_upaint.cli import main
from napari_upaint.commands._files import expand
from napari_upaint.commands._pairs import Pairs, left_out, pair
from napari_upaint.errors import FileError

Named = Callable[..., list[Path]]


@pytest.fixture
def named(tmp_path: Path) -> Named:
    """Make empty files and return the folders that hold them."""

    def make(*names: str) -> list[Path]:
        for name in names:
            (tmp_path / name).parent.mkdir(parents=True, exist_ok=True)
            (tmp_path / name).touch()
        return list(dict.fromkeys((tmp_path / name).parent for name in names))

    return make


def _names(pairs: Pairs) -> dict[str, str]:
    return {str(image.relative_to(image.parents[1])): labels.name for image, labels in pairs.found}


def test_scores_are_no_labels(named: Named) -> None:
    images, labels = named("i/a.tif"), named("l/a_labels.tif", "l/a_scores.tif", "l/a_stopped_labels.tif")
    pairs = pair(images, labels)
    assert _names(pairs) == {"i/a.tif": "a_labels.tif"}
    assert not pairs.labels
    # Unless that is the whole name.
    pairs = pair(named("j/the_scores.tif"), named("m/the_scores.tif"))
    assert _names(pairs) == {"j/the_scores.tif": "the_scores.tif"}


def test_labels_that_go_with_no_image_are_told_what_they_should_be_called(named: Named) -> None:
    images, labels = named("i/truth.ome.tif"), named("l/cells_labels.tif")
    with pytest.raises(
        FileError, match=r"labels of truth\.ome\.tif must be called truth\.ome\.tif or truth_NAME\.tif\."
    ):
        pair(images, labels)


def test_the_longest_name_gets_the_labels(named: Named) -> None:
    images = named("i/cells.tif", "i/cells_2.tif", "i/cells_2_b.ome.tif")
    labels = named("l/cells_labels.tif", "l/cells_2_labels.tif", "l/cells_2_b_labels.tif", "l/cells_3_x.tif")
    with pytest.raises(
        FileError, match=r"cells_3_x\.tif and .*cells_labels\.tif could both .*cells\.tif; .*one by one"
    ):
        pair(images, labels)
    (labels[0] / "cells_3_x.tif").unlink()
    expected = {f"i/{name}": f"{name.split('.')[0]}_labels.tif" for name in ("cells.tif", "cells_2.tif")}
    assert _names(pair(images, labels)) == expected | {"i/cells_2_b.ome.tif": "cells_2_b_labels.tif"}


def test_names_from_a_mac_are_those_of_other_systems(named: Named) -> None:
    images, labels = named("i/Ze\u0301lle.tif"), named("l/Z\u00e9lle_labels.tif")
    assert [one.name for one in pair(images, labels).found[0]] == ["Ze\u0301lle.tif", "Z\u00e9lle_labels.tif"]


@pytest.mark.parametrize("rivals", [("a.tif", "a.png"), ("a_x.tif", "a_y.tif"), ("a.tif", "a_labels.tif")])
def test_several_labels_for_an_image_are_refused(rivals: tuple[str, str], named: Named) -> None:
    with pytest.raises(FileError) as caught:
        pair(named("i/a.tif"), named(*(f"l/{name}" for name in rivals)))
    assert all(name in str(caught.value) for name in rivals)


def test_the_same_name_wins_over_a_longer_one(named: Named) -> None:
    pairs = pair(named("i/a.tif"), named("l/a.tif", "l/a_old.tif"))
    assert _names(pairs) == {"i/a.tif": "a.tif"}
    assert [path.name for path in pairs.labels] == ["a_old.tif"]


def test_what_is_missing_is_said_before_names_that_do_not_fit(named: Named) -> None:
    with pytest.raises(FileError, match="no file or folder nowhere"):
        pair([Path("nowhere")], named("l/a.tif"))


def test_one_folder_for_both(named: Named) -> None:
    (both,) = named(
        *(f"b/{name}.tif" for name in ("a", "a_paint", "a_2", "a_2_paint", "c", "c_labels", "c_scores", "d")),
        *(f"b/{name}.tif" for name in ("e", "e_2", "e_2_paint")),
    )
    named_so = {"b/a.tif": "a_paint.tif", "b/a_2.tif": "a_2_paint.tif", "b/c.tif": "c_labels.tif"}
    for images, labels in ((both, both / ".." / "b"), (both / ".." / "b", both)):
        pairs = pair([images], [labels])
        assert _names(pairs) == named_so | {"b/e_2.tif": "e_2_paint.tif"}
        assert [path.name for path in pairs.images] == ["d.tif", "e.tif"]
        assert not pairs.labels


def test_files_that_a_shell_lists_in_another_order_than_their_images_go_together_by_name() -> None:
    images = [Path(f"i/{name}.tif") for name in ("cell_1", "cell_10", "cell_2")]
    labels = [Path(f"i/{name}_masks.png") for name in ("cell_10", "cell_1", "cell_2")]
    found = {image.stem: file.stem for image, file in pair(images, labels).found}
    assert found == {"cell_1": "cell_1_masks", "cell_10": "cell_10_masks", "cell_2": "cell_2_masks"}
    # Names that tell of some of them only, or of two images the same, do not count.
    for others in (["b_masks", "painted"], ["painted", "a_masks"], ["a_1", "a_2"]):
        files = [Path(f"{name}.png") for name in others]
        assert [file for _, file in pair([Path("a.tif"), Path("b.tif")], files).found] == files
    same = [Path("1/a.tif"), Path("2/a.tif")], [Path("3/a_masks.tif"), Path("4/a_masks.tif")]
    assert pair(*same).found == tuple(zip(*same, strict=True))


@pytest.mark.parametrize(
    "others",
    [
        ("_cp_masks.png", "_cp_output.png", "_flows.tif", "_outlines_cp_masks.png"),
        ("_masks.tif", "_flows.tif"),
        ("_mask.png",),
        ("_Simple Segmentation.tif", "_Probabilities.tif"),
    ],
)
def test_a_folder_of_another_program_holds_its_images_and_their_labels(others: tuple[str, ...], named: Named) -> None:
    (both,) = named(*(f"b/{name}{ending}" for name in ("a", "a_2") for ending in (".tif", *others)), "b/c_mask.tif")
    assert [path.name for path in expand([both])] == ["a.tif", "a_2.tif", "c_mask.tif"]
    assert _names(pair([both], [both])) == {"b/a.tif": f"a{others[0]}", "b/a_2.tif": f"a_2{others[0]}"}


def test_equally_many_folders_are_taken_in_pairs(named: Named) -> None:
    images, labels = named("p1/A01.tif", "p2/A01.tif"), named("p1_lab/A01.tif", "p2_lab/A01.tif")
    found = [(image.parent.name, paint.parent.name) for image, paint in pair(images, labels).found]
    assert found == [("p1", "p1_lab"), ("p2", "p2_lab")]


@pytest.mark.parametrize("labels", [["l"], ["l", "p1/../l"]])
def test_two_images_never_share_labels(labels: list[str], named: Named, tmp_path: Path) -> None:
    images = named("p1/A01.tif", "p2/A01.tif", "l/A01.tif")[:2]
    with pytest.raises(FileError, match=r"p1/A01\.tif.*p2/A01\.tif"):
        pair(images, [tmp_path / name for name in labels])


def test_what_is_left_out_is_said_in_one_sentence() -> None:
    files = [Path(f"{letter}.tif") for letter in "bcdefgh"]
    said = left_out(files[:2], 3, "images", "labels")
    assert said == "2 of 3 images have no labels by name and are left out: b.tif, c.tif"
    said = left_out(files[:1], 3, "images", "labels")
    assert said == "1 of 3 images has no labels by name and is left out: b.tif"
    assert left_out(files, 9, "images", "labels").endswith(": b.tif, c.tif, d.tif, e.tif, f.tif and 2 more")


def test_training_says_which_images_it_leaves_out(
    files: Path, tiny: list[str], capsys: pytest.CaptureFixture[str], monkeypatch: pytest.MonkeyPatch
) -> None:
    for name in "abc":
        (files / "i").mkdir(exist_ok=True)
        (files / "i" / f"{name}.tif").write_bytes((files / "cells.tif").read_bytes())
    (files / "l").mkdir()
    (files / "l" / "a_labels.tif").write_bytes((files / "cells_strokes.tif").read_bytes())
    monkeypatch.chdir(files)
    assert main(["train", "i", "--labels", "l", "-o", "m", *tiny]) == 0
    assert capsys.readouterr().err == "2 of 3 images have no labels by name and are left out: b.tif, c.tif\n"


@pytest.mark.parametrize("model", [False, True])
def test_ground_truth_without_a_result_is_an_error(
    model: bool, files: Path, trained: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    results, truth = files / "results", files / "truth"
    results.mkdir()
    mask = tifffile.imread(truth / "cells.tif")
    for path in (truth / "b.tif", results / ("cells.tif" if model else "cells_labels.tif"), results / "extra.tif"):
        tifffile.imwrite(path, mask)
    options = ["--model", str(trained)] if model else []
    assert main(["evaluate", str(results), str(truth), *options]) == 2
    said = capsys.readouterr()
    what = "images" if model else "results"
    assert said.err.startswith(
        f"upaint evaluate: 1 of 2 files of ground truth go with none of the {what} by name: b.tif;"
    )
    assert not said.out
    (truth / "b.tif").unlink()
    assert main(["evaluate", str(results), str(truth), *options]) == 0
    said = capsys.readouterr()
    assert said.err == f"1 of 2 {what} has no ground truth by name and is left out: extra.tif\n"
    assert "mean" not in said.out
