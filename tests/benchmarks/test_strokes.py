import argparse
import json
from dataclasses import replace
from pathlib import Path

import numpy as np
import pytest
from benchmarks.strokes import __main__ as command
from benchmarks.strokes import report
from benchmarks.strokes.__main__ import jobs, read_lines
from benchmarks.strokes.annotator import Brush, first_paint, more_paint, visit
from benchmarks.strokes.contenders import FITTED, NAMES, TRAINED, WORDS, Forest, UPaint, contender
from benchmarks.strokes.contest import Job, alone, measures
from benchmarks.strokes.sets import MOST, SETS, SMALLEST, find_set, read
from skimage.draw import disk
from skimage.io import imsave

TRUTH = np.zeros((96, 96), np.int32)
for number, place in enumerate([(20, 20), (20, 60), (50, 40), (75, 20), (75, 70)], start=1):
    TRUTH[disk(place, 11)] = number
IMAGE = (60 + 120 * (TRUTH > 0) + np.random.default_rng(0).normal(0, 5, TRUTH.shape)).astype(np.uint8)


@pytest.fixture
def data(tmp_path: Path) -> Path:
    """A folder with the images of one set."""
    one = find_set("bbbc009_dic_rbc")
    for folder, array in (("images", IMAGE), ("labels", TRUTH.astype(np.uint8))):
        (tmp_path / one.name / folder).mkdir(parents=True)
        for name in (*one.train, *one.test):
            imsave(tmp_path / one.name / folder / f"{name}.png", array, check_contrast=False)
    return tmp_path


def options(**changes: object) -> argparse.Namespace:
    return argparse.Namespace(
        **{
            "data": Path("DIR"),
            "sets": ["epfl6", "gbm40_he"],
            "contenders": list(NAMES),
            "modes": ["once"],
            "budgets": [10.0, 60.0],
            "seeds": [0],
            "steps": 0,
            "brush_objects": 8,
            "brush_background": 5,
            "brush_length": 40,
            "brush_width": 3,
        }
        | changes
    )


@pytest.mark.parametrize(("kind", "value"), [("components", 0), ("gaps", 1), ("classes", 1)])
def test_read_takes_no_slip_of_the_pen_for_an_object(kind: str, value: int, tmp_path: Path) -> None:
    one = replace(find_set("epfl6"), name="x", labels="", truth=kind)
    labels = np.full((40, 40), value, np.uint8)
    other = 2 if kind == "classes" else 1 - value
    labels[5:15, 5:15] = other
    labels[20:24, 20:25], labels[30, 2:21] = other, other  # 20 px, and 19
    for folder in ("images", "labels"):
        (tmp_path / "x" / folder).mkdir(parents=True)
        imsave(tmp_path / "x" / folder / "a.png", labels, check_contrast=False)
    _, truth = read(tmp_path, one, "a")
    assert SMALLEST == 20 and truth[22, 22] and truth[7, 7]
    assert not truth[30, 2:21].any()
    assert np.unique(truth).tolist() == [0, 1, 2]


def test_no_image_is_painted_and_scored() -> None:
    for one in SETS:
        assert one.train and len(one.test) >= 2
        assert not set(one.train) & set(one.test)


def test_every_contender_has_words() -> None:
    assert set(WORDS) == set(TRAINED) | set(FITTED)


def test_read_gives_channels_first_and_a_truth_of_the_same_size(data: Path) -> None:
    image, truth = read(data, find_set("bbbc009_dic_rbc"), "6hr-002-DIC")
    assert image.shape == (1, *truth.shape) and truth.max() == 5


def test_read_cuts_colour_images_to_their_middle_and_makes_objects_of_a_mask(tmp_path: Path) -> None:
    one = replace(find_set("epfl6"), name="x", labels="_mito")
    (tmp_path / "x" / "images").mkdir(parents=True)
    (tmp_path / "x" / "labels").mkdir()
    pixels, mask = np.zeros((MOST + 20, 30, 3), np.uint8), np.zeros((MOST + 20, 30), np.uint8)
    pixels[10] = 7
    mask[12:20, 3:9] = mask[40:50, 3:9] = 1
    imsave(tmp_path / "x" / "images" / "a.png", pixels, check_contrast=False)
    imsave(tmp_path / "x" / "labels" / "a_mito.png", mask, check_contrast=False)
    image, truth = read(tmp_path, one, "a")
    assert image.shape == (3, MOST, 30) and (image[:, 0] == 7).all()
    assert sorted(np.unique(truth)) == [0, 1, 2]


def test_slices_are_painted_on_one_half_and_scored_on_the_other(tmp_path: Path) -> None:
    import tifffile

    one = find_set("cells3d_nuclei")
    volume = np.arange(40 * 4 * 6, dtype=np.uint16).reshape(40, 4, 6)
    for folder in ("images", "labels"):
        (tmp_path / one.name / folder).mkdir(parents=True)
        tifffile.imwrite(tmp_path / one.name / folder / "cells3d_nuclei.tif", volume)
    left, right = (read(tmp_path, one, f"cells3d_nuclei@32{side}")[0] for side in "<>")
    np.testing.assert_array_equal(np.concatenate([left, right], -1)[0], volume[32])


def test_missing_images_are_named(tmp_path: Path) -> None:
    with pytest.raises(FileNotFoundError, match="no image t013"):
        read(tmp_path, find_set("bact_trpL"), "t013")


def test_perfect_labels_score_1_and_merged_ones_lose_their_objects() -> None:
    assert measures(TRUTH, TRUTH, "objects") == {"iou": 1, "ap50": 1, "f1": 1, "seg": 1}
    merged = measures((TRUTH > 0).astype(np.int32), TRUTH, "objects")
    assert merged["iou"] == 1 and merged["ap50"] == 0


def test_classes_are_scored_class_by_class() -> None:
    classes = np.minimum(TRUTH, 2)
    swapped = np.where(classes > 0, 3 - classes, 0)
    assert measures(classes, classes, "classes")["iou"] == 1
    assert measures(swapped, classes, "classes")["iou"] == 0


def test_a_visit_paints_the_object_and_the_background_at_the_place() -> None:
    painted = visit(TRUTH, np.zeros_like(TRUTH), (20, 31), 8, np.random.default_rng(0), Brush(), "objects")
    assert set(np.unique(painted)) == {0, 1, 2}
    assert (TRUTH[painted == 1] == 0).all() and (TRUTH[painted == 2] == 1).all()
    again = visit(TRUTH, painted, (20, 20), 8, np.random.default_rng(1), Brush(), "objects")
    assert again.max() == 2, "an object keeps its id"
    assert (again[painted > 0] == painted[painted > 0]).all(), "what is painted stays"


@pytest.mark.parametrize("mode", ["corrective", "unsure", "anywhere"])
def test_every_round_adds_paint_that_is_true(mode: str) -> None:
    rng = np.random.default_rng(0)
    annotation = first_paint(TRUTH, rng, Brush(length=12), "objects", mode)
    learner = contender("zero-shot", 0)
    learner.fit(IMAGE[None], annotation, "objects")
    more = more_paint(IMAGE[None], TRUTH, annotation, learner, rng, Brush(length=12), "objects", mode)
    # If nothing is wrong, or nothing uncertain, there is nothing to paint.
    assert (more > 0).sum() > (annotation > 0).sum() or mode != "anywhere"
    assert ((more == 1) <= (TRUTH == 0)).all() and ((more >= 2) <= (TRUTH > 0)).all()


def test_a_job_gives_a_line_for_each_way_of_cutting(data: Path) -> None:
    job = {"data": str(data), "set": "bbbc009_dic_rbc", "contender": "zero-shot", "brush": {"length": 12}}
    lines = alone(json.dumps(job))
    assert [line["split"] for line in lines] == [False, True]
    assert lines[0]["iou"] > 0.8 and lines[0]["ap50"] > 0.8
    assert alone(json.dumps(job))[0]["iou"] == lines[0]["iou"], "the same seed paints the same strokes"


def test_the_forest_learns_colours() -> None:
    pytest.importorskip("sklearn")
    annotation = first_paint(TRUTH, np.random.default_rng(0), Brush(length=12), "objects", "once")
    colours, learner = np.stack([IMAGE, IMAGE, 255 - IMAGE]), Forest()
    learner.fit(colours, annotation, "objects")
    assert measures(learner.labels(colours, "objects", split=True), TRUTH, "objects")["ap50"] > 0.8


def test_upaint_takes_part_trained_and_zero_shot() -> None:
    annotation = first_paint(TRUTH, np.random.default_rng(0), Brush(length=12), "objects", "once")
    for learner in (contender("zero-shot", 0), UPaint("generalist-fast", 30, steps=2)):
        notes = learner.fit(IMAGE[None], annotation, "objects")
        assert notes["scale"] > 0
        assert measures(learner.labels(IMAGE[None], "objects", split=False), TRUTH, "objects")["iou"] > 0.5


def test_jobs_pair_budgets_with_those_who_have_one() -> None:
    found = jobs(options())
    assert len({job.key for job in found}) == len(found)
    budgets = {name: sorted({job.seconds for job in found if job.contender == name}) for name in NAMES}
    assert budgets["generalist-fast"] == [10, 60] and budgets["forest"] == [0] and budgets["scratch"] == [60]
    assert budgets["generalist-fast-averaged"] == budgets["scratch-averaged"] == [60]
    assert {job.set for job in found} == {"epfl6", "gbm40_he"}


def test_a_job_is_the_same_wherever_the_data_is() -> None:
    assert Job("a", "epfl6", "forest").key == Job("b", "epfl6", "forest").key != Job("a", "epfl6", "apoc").key


def test_what_was_run_before_is_not_run_again_and_what_failed_is_tried_again(tmp_path, monkeypatch) -> None:
    ran = []

    def alone(_, text: str, *, threads: int) -> list[dict[str, object]] | None:
        job = json.loads(text)
        ran.append((job["set"], job["contender"], threads))
        key = Job(**{**job, "brush": Brush(**job["brush"])}).key
        return None if job["contender"] == "apoc" else [{"key": key, "split": False, "iou": 0.5, "ap50": 0.25}]

    monkeypatch.setattr(command, "apart", alone)
    arguments = ["--data", "DIR", "--sets", "epfl6", "gbm40_he", "--contenders", "forest", "apoc", "--modes", "once"]
    arguments += ["--results", str(tmp_path / "results.jsonl"), "--threads", "1"]
    assert command.main(arguments) == command.main(arguments) == 0
    assert ran[:4] == [(name, who, 1) for name in ("epfl6", "gbm40_he") for who in ("forest", "apoc")]
    assert ran[4:] == [("epfl6", "apoc", 1), ("gbm40_he", "apoc", 1)]
    assert len(read_lines(tmp_path / "results.jsonl")) == 2


def _line(name: str, split: bool, score: float, budget: float = 0.0, seed: int = 0) -> dict[str, object]:
    job = Job("d", "epfl6", name, seconds=budget, seed=seed)
    scores = {"iou": score, "ap50": score, "f1": score, "seg": score}
    times = {"fit_seconds": 2.0, "segment_seconds": 0.5, "load_before": 1.0, "threads": 2, "painted": 9}
    place = {"set": "epfl6", "contender": name, "mode": "once", "seed": seed, "budget": budget, "round": 0}
    return {"key": job.key, "split": split, **place, **scores, **times}


def test_the_report_gives_others_their_better_cut_and_upaint_its_default(tmp_path: Path) -> None:
    path = tmp_path / "results.jsonl"
    lines = [_line(name, split, 0.25 + 0.5 * split) for name in ("forest",) for split in (False, True)]
    lines += [_line("generalist-fast", split, 0.5 + 0.25 * split, 60.0) for split in (False, True)]
    path.write_text("".join(json.dumps(line) + "\n" for line in lines))
    means, overlap, _ = report.report(path)
    assert [row[-1] for row in means.rows] == ["0.500", "0.750"]
    assert overlap.rows[-1] == ["mean", "0.500", "0.750"]
    assert "watershed" in means.rows[1][0]
    assert len(read_lines(path)) == 4


def test_contenders_are_compared_with_the_seeds_that_they_share(tmp_path: Path) -> None:
    path = tmp_path / "results.jsonl"
    lines = [_line("generalist-fast", False, 0.4, 10.0)]
    lines += [_line("generalist-fast", False, 0.5 + 0.1 * seed, 60.0, seed) for seed in (0, 1, 2)]
    lines += [_line("forest", split, 0.3 + 0.2 * seed, seed=seed) for seed in (0, 1, 2) for split in (False, True)]
    path.write_text("".join(json.dumps(line) + "\n" for line in lines))
    means, *firsts, overlap, precision = report.report(path)
    assert [row[-1] for row in means.rows] == ["0.400", "0.500", "0.300"]
    assert [table.rows[-1] for table in firsts] == [["mean", "0.500", "0.300"]] * 2
    for table in (overlap, precision):
        assert table.rows[-1] == ["mean", "0.600", "0.500"] and "3 seeds" in table.title
    assert "Seed 1: U-Paint, generalist-fast, 60 s 0.600 / 0.600, random forest" in overlap.note


def test_the_report_says_what_ran_on_another_processor(tmp_path: Path) -> None:
    path = tmp_path / "results.jsonl"
    lines = [_line("generalist", False, 0.5, 60.0, seed) for seed in (0, 1, 2)]
    lines += [_line("generalist", False, 0.4, 10.0)]
    lines[2]["processor"] = "Abacus"
    path.write_text("".join(json.dumps(line) + "\n" for line in lines))
    means, *_, overlap, _ = report.report(path)
    assert "Abacus" not in means.note
    assert overlap.note.endswith("but U-Paint, generalist, 60 s (seed 2) on Abacus.")
    lines = [_line("generalist", False, 0.5, 60.0, seed) for seed in (0, 1, 2)]
    other = {"set": "isbi2012_em", "processor": "Abacus"}
    lines += [line | other | {"key": str(line["key"]).replace("epfl6", other["set"])} for line in lines[:2]]
    path.write_text("".join(json.dumps(line) + "\n" for line in lines))
    means, *_ = report.report(path)
    assert "but U-Paint, generalist, 60 s (isbi2012_em, seed 0, 1) on Abacus." in means.note


def test_without_results_there_are_no_tables(tmp_path: Path) -> None:
    assert list(report.report(tmp_path / "none.jsonl")) == []
    assert not report.draw(tmp_path / "none.jsonl", tmp_path / "curves.svg")
