"""Tables and curves of the contest's results."""

from __future__ import annotations

import json
from collections import defaultdict
from collections.abc import Iterator, Sequence
from pathlib import Path
from typing import Any

import numpy as np

from benchmarks.strokes.contenders import NAMES, TRAINED, WORDS
from benchmarks.strokes.sets import SETS
from benchmarks.timing import Table

CURVES = Path(__file__).parents[2] / "docs" / "images" / "strokes.svg"
MEASURES = {"iou": "IoU", "ap50": "AP50", "f1": "F1", "seg": "SEG"}
_TIMES = ("fit_seconds", "segment_seconds")
# The budget at which contenders are compared set by set.
SECONDS = 60.0
_CORRECTING = "After each round, strokes are painted where the prediction is most wrong."
_CHOOSING = """Starting from half the strokes, each round visits three places in the painted image, the most uncertain
ones or random ones, and paints an object and background there."""
_IN_ROUNDS = (
    (("corrective",), "Correcting", _CORRECTING),
    (("unsure", "anywhere"), "Where to paint next", _CHOOSING),
)
_PICTURE = f"""![Mean IoU and AP50 against wall-clock time](images/{CURVES.name})

Measured with `python -m benchmarks strokes --data DIR`."""
_CONDITIONS = """\
* A simulated annotator paints {objects} strokes in objects and {background} in the background of one image.
  They are {length} px long (shorter in small objects) and {width} px wide.
* Scores are means over two or three other images of each set, then over {seeds}, then over sets.
* Each contender gets the same strokes, {threads} threads and its own process, whose start is not counted. The median
  load of the machine before a run was {load:.1f}.
* AP50 = TP / (TP + FP + FN) at IoU 0.5.
* Here U-Paint predicts each image once, except in the rows that say *averaged*. By default it averages up to four
  rotations of images as small as these, which takes that many times as long.
* All contenders use the same threshold, fill holes and leave out objects below 20 px. If the true objects are the
  connected parts of a mask, those below 20 px are left out, too.
* A model trained by U-Paint also leaves out objects below a tenth of the usual size of the painted ones (a thirtieth if
  the edge of the image cuts them), and objects, doubtful surroundings included, that it is less than three quarters as
  sure of as of the painted ones. A part of a class is left out only if both hold. One row has the forest with these
  rules, another the network from scratch without them.
* *Without any paint*, a model finds by itself at which scale to see each image and which objects are usual there.
  *Zero-shot*, it sees every image at the scale found from the strokes and leaves out only objects below 20 px: a
  training begins there.
* Contenders other than U-Paint get the better of two ways to separate objects: connected parts, or parts cut by a
  watershed.
* Not in the table: Convpaint with a network (VGG16, its default, or DINOv2), which downloads its weights at first use,
  and APOC, which needs an OpenCL driver.

None of U-Paint's networks has learnt from the images of these sets. `usiigaci_val` comes from the same publication as
`usiigaci_phc`, which they have learnt from.

The rows were measured one after the other while the program went on. Those of *generalist-fast* and *from scratch*
after 60 s are the latest: measured in one go, on another processor, which takes half as many steps, and with training
tiles [zoomed by up to 1.5](choices.md#zooming-training-tiles-by-up-to-15-better). U-Paint's other rows are with 1.2.
With that, on the first processor, *generalist-fast* had 0.812 / 0.758 (seed 0) and 0.787 / 0.720 (three seeds),
averaged 0.819 / 0.767 and 0.795 / 0.731, *from scratch* 0.643 / 0.547 and 0.627 / 0.485.

Of the older rows, those of mitochondria (`epfl6`) were measured again after trainings had learnt to hold on to
background where much would be left out, but for 10 s, and 30 s of *generalist*."""
_SEEDS = """\
Each seed paints other strokes, on two images of each set in turn. For other programs, the better way to separate
objects is chosen over all seeds of this table, so it may differ from the one above. Mean IoU / AP50 over all sets:"""
_PROCESSOR = "AMD EPYC"  # of the first results, which do not say it
Line = dict[str, Any]
Entry = tuple[str, float]  # contender and budget


def lines_of(path: Path) -> list[Line]:
    """Return the results, only the latest of each run."""
    if not path.is_file():
        return []
    found = [json.loads(line) for line in path.read_text("utf-8").splitlines()]
    return list({(line["key"], line["round"], line["split"]): line for line in found}.values())


def report(path: Path) -> Iterator[Table]:
    """Yield the tables of a file of results."""
    lines = lines_of(path)
    once = [line for line in lines if line["mode"] == "once"]
    together = _best_cut(_together(once))
    if together:
        yield _means(together)
        for measure in ("iou", "ap50"):
            yield _sets(together, measure)
    repeated = _best_cut(_repeated(once))
    if repeated:
        yield _sets(repeated, "iou", _repetitions(repeated))
        yield _sets(repeated, "ap50")
    for modes, title, note in _IN_ROUNDS:
        rounds = _best_cut([line for line in lines if line["mode"] in modes])
        if rounds:
            yield _rounds(rounds, title, note)


def _best_cut(lines: Sequence[Line]) -> list[Line]:
    """Keep one way of separating objects for each contender: U-Paint's default, the better one for the others."""
    means = defaultdict(list)
    for line in lines:
        means[line["contender"], line["split"]].append(line["ap50"])
    split = {
        name: "generalist" not in name
        and not name.startswith(("zero", "scratch"))
        and np.mean(means[name, True]) > np.mean(means[name, False])
        for name in {line["contender"] for line in lines}
    }
    return [line for line in lines if line["split"] == split[line["contender"]]]


def _seeds(lines: Sequence[Line]) -> dict[Entry, set[int]]:
    found = defaultdict[Entry, set[int]](set)
    for line in lines:
        found[_entry(line)].add(line["seed"])
    return found


def _together(lines: Sequence[Line]) -> list[Line]:
    """Return the results with the seeds that all contenders have run with: only these can be compared."""
    seeds = _seeds(lines)
    common = set[int].intersection(*seeds.values()) if seeds else set()
    return [line for line in lines if line["seed"] in common]


def _repeated(lines: Sequence[Line]) -> list[Line]:
    """Return the results of those contenders that have run with more seeds than the others; none if there are none."""
    seeds = _seeds(lines)
    most = max(seeds.values(), key=len, default=set())
    if all(found == most for found in seeds.values()):
        return []
    return [line for line in lines if seeds[_entry(line)] == most]


def _entry(line: Line) -> Entry:
    return line["contender"], line["budget"] if line["contender"] in TRAINED else 0.0


def _repetitions(lines: Sequence[Line]) -> str:
    """Return the means over sets for each seed, as a list in Markdown."""
    words = []
    for seed in sorted({line["seed"] for line in lines}):
        here = [line for line in lines if line["seed"] == seed]
        means = (
            f"{_words(entry)} " + " / ".join(f"{_mean(here, entry, name):.3f}" for name in ("iou", "ap50"))
            for entry in _entries(here)
        )
        words.append(f"Seed {seed}: {', '.join(means)}.")
    return f"{_SEEDS}\n\n{_list(words)}{_elsewhere(lines)}"


def _entries(lines: Sequence[Line]) -> list[Entry]:
    return sorted({_entry(line) for line in lines}, key=lambda entry: (NAMES.index(entry[0]), entry[1]))


def _words(entry: Entry, split: bool = False) -> str:
    name, seconds = entry
    return WORDS[name] + (f", {seconds:.0f} s" if seconds else "") + (", watershed" if split else "")


def by_set(lines: Sequence[Line], entry: Entry, measure: str) -> dict[str, float]:
    """Return, for each set that a contender has run on, the mean over seeds."""
    values = defaultdict(list)
    for line in lines:
        if _entry(line) == entry:
            values[line["set"]].append(line[measure])
    return {one: float(np.mean(found)) for one, found in values.items()}


def _mean(lines: Sequence[Line], entry: Entry, measure: str) -> float:
    """Return the mean over sets of a contender's means over seeds."""
    return float(np.mean(list(by_set(lines, entry, measure).values())))


def _means(lines: Sequence[Line]) -> Table:
    rows = []
    for entry in _entries(lines):
        split = any(line["split"] for line in lines if line["contender"] == entry[0])
        sets = str(len(by_set(lines, entry, "fit_seconds")))
        times = [f"{_mean(lines, entry, name):.1f}" for name in _TIMES]
        scores = [f"{_mean(lines, entry, name):.3f}" for name in MEASURES]
        rows.append([_words(entry, split), sets, *times, *scores])
    note = f"{_PICTURE}\n\n{_conditions(lines)}"
    return Table("After a few strokes", note, ("", "sets", "s to learn", "s per image", *MEASURES.values()), rows)


def _conditions(lines: Sequence[Line]) -> str:
    brush = json.loads(lines[0]["key"])["brush"]
    threads = sorted({line["threads"] for line in lines})
    seeds = len({line["seed"] for line in lines})
    load = float(np.median([line["load_before"] for line in lines]))
    conditions = _CONDITIONS.format(
        **brush, seeds=f"{seeds} seed{'s' if seeds > 1 else ''}", threads=" or ".join(map(str, threads)), load=load
    )
    return (
        conditions + _elsewhere(lines) + "\n\n" + _list([f"`{one.name}`: {one.what}; {one.publisher}." for one in SETS])
    )


def _elsewhere(lines: Sequence[Line]) -> str:
    """Return a paragraph in Markdown that says what was measured on another processor; "" if nothing was."""
    found = defaultdict(list)
    for line in lines:
        found[line.get("processor", _PROCESSOR)].append(line)
    usual = max(found, key=lambda name: len(found[name]))
    everything = {line["set"] for line in lines}
    words = []
    for name in sorted(found.keys() - {usual}):
        runs = defaultdict[tuple[Entry, int], set[str]](set)
        for line in found[name]:
            runs[_entry(line), line["seed"]].add(line["set"])
        alike = defaultdict[tuple[Entry, tuple[str, ...]], list[int]](list)
        for (entry, seed), sets in sorted(runs.items()):
            alike[entry, () if sets == everything else tuple(sorted(sets))].append(seed)
        whose = (f"{_words(entry)} ({_which(some, seeds)})" for (entry, some), seeds in alike.items())
        words.append(f"{'; '.join(whose)} on {name}")
    return f"\n\nMeasured on {usual}, but {'; '.join(words)}." if words else ""


def _which(sets: Sequence[str], seeds: Sequence[int]) -> str:
    return ", ".join([*sets, f"seed {', '.join(map(str, seeds))}"])


def _list(lines: Sequence[str]) -> str:
    return "\n".join(f"* {line}" for line in lines)


def _sets(lines: Sequence[Line], measure: str, note: str = "") -> Table:
    entries = [entry for entry in _entries(lines) if entry[1] in (0.0, SECONDS)] or _entries(lines)
    values = [by_set(lines, entry, measure) for entry in entries]
    names = [one.name for one in SETS if any(one.name in value for value in values)]
    rows = [[name, *(f"{value[name]:.3f}" if name in value else "" for value in values)] for name in names]
    rows.append(["mean", *(f"{np.mean(list(value.values())):.3f}" for value in values)])
    seeds = len({line["seed"] for line in lines})
    title = f"{MEASURES[measure]} on each set" + (f", means of {seeds} seeds" if seeds > 1 else "")
    return Table(title, note, ("set", *(_words(entry) for entry in entries)), rows)


def _rounds(lines: Sequence[Line], title: str, note: str) -> Table:
    rows = []
    for mode, name in sorted({(line["mode"], line["contender"]) for line in lines}):
        mine = [line for line in lines if (line["mode"], line["contender"]) == (mode, name)]
        for number in sorted({line["round"] for line in mine}):
            here = [line for line in mine if line["round"] == number]
            entry = _entry(here[0])
            painted = f"{np.mean([line['painted'] for line in here]):.0f}"
            scores = [f"{_mean(here, entry, one):.3f}" for one in MEASURES]
            rows.append([_words(entry), _MODES[mode], str(number), painted, *scores])
    return Table(title, note, ("", "painted", "round", "px painted in total", *MEASURES.values()), rows)


_MODES = {"corrective": "where wrong", "unsure": "where uncertain", "anywhere": "anywhere"}


def draw(path: Path, target: Path = CURVES) -> bool:
    """Draw mean IoU and AP50 against wall-clock time; return False without results or matplotlib."""
    lines = _best_cut(_together([line for line in lines_of(path) if line["mode"] == "once"]))
    try:
        import matplotlib as mpl
    except ImportError:
        return False
    if not lines:
        return False
    mpl.use("svg")
    mpl.rcParams["svg.hashsalt"] = "upaint"
    from matplotlib import pyplot

    figure, axes = pyplot.subplots(1, 2, figsize=(10, 4.6), layout="constrained")
    shades = mpl.colormaps["tab20"].colors  # ten colours, dark and light, since there are more than ten contenders
    for axis, measure in zip(axes, ("iou", "ap50"), strict=True):
        axis.set_prop_cycle(color=[*shades[::2], *shades[1::2]])
        for name in dict.fromkeys(entry[0] for entry in _entries(lines)):
            points = sorted(_point(lines, entry, measure) for entry in _entries(lines) if entry[0] == name)
            axis.plot(*zip(*points, strict=True), "o-", label=WORDS[name])
        axis.set(xscale="log", xlabel="learning and segmenting an image (s)", ylabel=f"mean {MEASURES[measure]}")
        axis.grid(alpha=0.3)
    # Below the axes, so that it hides no point.
    figure.legend(*axes[0].get_legend_handles_labels(), loc="outside lower center", ncols=3, fontsize=8)
    target.parent.mkdir(parents=True, exist_ok=True)
    figure.savefig(target, metadata={"Date": None})
    pyplot.close(figure)
    return True


def _point(lines: Sequence[Line], entry: Entry, measure: str) -> tuple[float, float]:
    return sum(_mean(lines, entry, name) for name in _TIMES), _mean(lines, entry, measure)
