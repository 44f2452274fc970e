"""The pretraining loop: deterministic for a seed, resumable from a checkpoint, logged."""

from __future__ import annotations

import copy
import json
import os
import time
from collections.abc import Iterator
from concurrent.futures import Future, ThreadPoolExecutor
from pathlib import Path
from typing import Any

import numpy as np
import torch
from torch.nn import functional

from napari_upaint.engine.blocks import channels_last
from napari_upaint.engine.checkpoint import from_network, to_network
from napari_upaint.engine.device import autocast
from napari_upaint.engine.step import Average
from napari_upaint.engine.unet import UNet
from napari_upaint.io.models import Architecture, ModelFile, ModelHeader, load_model, save_model
from pretraining.begin import begun
from pretraining.card import write_card
from pretraining.data import SAMPLED, SAMPLED_SLICES, Record, read_sets
from pretraining.folding import fold_batch_norm
from pretraining.logs import keep_until, thinned
from pretraining.origin import origin
from pretraining.picture import draw_picture
from pretraining.tiles import BORDER, IGNORED, OBJECT, TrainingTile, draw

_VALIDATION_SEED = 7


def pretrain(
    data: Path,
    output: Path,
    config: dict[str, Any],
    *,
    threads: int = 1,
    begin: Path | None = None,
    until: int | None = None,
) -> None:
    """Train until ``config["steps"]`` and write ``NAME.safetensors`` into `output`.

    Parameters
    ----------
    data : pathlib.Path
        Folder of the sets.
    output : pathlib.Path
        Folder for checkpoint, log, model, card and picture.
    config : dict
        What `read_config` returns.
    threads : int
        Of torch.
    begin : pathlib.Path or None
        Model file to begin with: of the same network, of one half as wide, or of a 2D network for a 3D one. None: He
        initialisation, and batch normalisation to get going.
    until : int or None
        Step of the schedule to stop at; another call goes on from there.
    """
    last = min(until or config["steps"], config["steps"])
    torch.set_num_threads(threads)
    output.mkdir(parents=True, exist_ok=True)
    excluded = {stem for stems in SAMPLED.values() for stem in stems}
    training, validation = read_sets(data, list(config["sets"]), excluded, SAMPLED_SLICES, volumes=config["ndim"] == 3)
    print(f"{len(training)} images for training, {len(validation)} for validation", flush=True)
    state = _State(config, output / "checkpoint.pt", begin)
    seconds = state.seconds
    started = time.monotonic()
    picture = output / f"{config['name']}.png"
    judged = keep_until(output / "log.jsonl", state.step)

    def judge() -> None:
        _log(output, {"step": state.step - 1, "validation": validate(state.average, validation, config)})
        model = save_model_file(state.average, config, output, state)
        if state.step == last:
            draw_picture(picture, model)

    if state.step == last and not (judged and picture.exists()):  # it ended after the last checkpoint, before this
        judge()
    for step, tiles in _tiles(training, config, state.step, last):
        loss = state.train_step(step, tiles)
        state.seconds = seconds + (time.monotonic() - started) * threads
        _log(output, {"step": step, "loss": round(loss, 5), "seconds": round(state.seconds, 1)})
        if (step + 1) % config["save_every"] == 0 or step + 1 == last:
            state.save()
        if (step + 1) % config["validate_every"] == 0 or step + 1 == last:
            judge()


class _State:
    """Network, weight average, optimiser, number of steps and seconds of threads: what a checkpoint holds."""

    def __init__(self, config: dict[str, Any], path: Path, begin: Path | None) -> None:
        torch.manual_seed(config["seed"])
        self.config, self.path, self.step, self.seconds = config, path, 0, 0.0
        self.layout = channels_last(config["ndim"])
        sizes = {key: config[key] for key in ("ndim", "width", "depth", "padding", "dropout")}
        network = UNet(n_classes=3, norm=None if config["begin"] else "batch", **sizes)
        if begin is not None and not path.exists():
            known = to_network(load_model(begin))
            network.load_state_dict(begun(known.state_dict(), network.state_dict(), config["seed"]))
        self.network = network.to(memory_format=self.layout)  # type: ignore[call-overload]
        self.average = copy.deepcopy(self.network)
        self.averaging = Average(self.network, self.average)
        self.optimizer = torch.optim.AdamW(
            self.network.parameters(), config["learning_rate"], weight_decay=1e-4, fused=True
        )
        if path.exists():
            saved = torch.load(path, weights_only=True)
            self.network.load_state_dict(saved["network"])
            self.average.load_state_dict(saved["average"])
            self.optimizer.load_state_dict(saved["optimizer"])
            self.step, self.seconds = saved["step"], saved["seconds"]

    def train_step(self, step: int, tiles: list[TrainingTile]) -> float:
        """Take one step; return its loss."""
        torch.manual_seed(self.config["seed"] + step)  # so that drop-out is the same after a resume
        self.network.train()
        if step >= self.config["freeze_norm"]:
            for module in self.network.modules():
                if isinstance(module, torch.nn.BatchNorm2d | torch.nn.BatchNorm3d):
                    module.eval()
        for group in self.optimizer.param_groups:
            group["lr"] = self.config["learning_rate"] * self._warmth(step)
        image, target, weights = (
            torch.from_numpy(np.stack([getattr(tile, key) for tile in tiles])) for key in ("image", "target", "weights")
        )
        with autocast(torch.device("cpu")):
            logits = self.network(image.contiguous(memory_format=self.layout))
        each = functional.cross_entropy(logits.float(), target, ignore_index=IGNORED, reduction="none")
        loss = (each * weights).sum() / weights.sum().clamp(min=1)
        self.optimizer.zero_grad(set_to_none=True)
        loss.backward()
        torch.nn.utils.clip_grad_norm_(self.network.parameters(), 1.0)
        self.optimizer.step()
        self.averaging.move(1 - min(self.config["average"], (step + 1) / (step + 10)))
        self.step = step + 1
        return float(loss.detach())

    def _warmth(self, step: int) -> float:
        left = (self.config["steps"] - step) / (self.config["decay"] * self.config["steps"])
        return float(min(1.0, (step + 1) / self.config["warmup"], left))

    def save(self) -> None:
        """Write the checkpoint atomically."""
        content = {
            "network": self.network.state_dict(),
            "average": self.average.state_dict(),
            "optimizer": self.optimizer.state_dict(),
            "step": self.step,
            "seconds": self.seconds,
        }
        part = self.path.with_suffix(".part")
        torch.save(content, part)
        os.replace(part, self.path)


def _tiles(
    records: list[Record], config: dict[str, Any], first: int, last: int
) -> Iterator[tuple[int, list[TrainingTile]]]:
    """Yield each step from `first` to before `last` with its tiles; a thread draws them one step ahead."""
    by_set = {name: [r for r in records if r.set_name == name] for name in config["sets"]}
    names = [name for name, found in by_set.items() if found]
    shares = np.array([config["sets"][name] for name in names])

    def draw_step(step: int) -> list[TrainingTile]:
        rng = np.random.default_rng((config["seed"], step))
        chosen = [by_set[names[i]] for i in rng.choice(len(names), config["batch"], p=shares / shares.sum())]
        return [draw(found[rng.integers(len(found))], rng, config) for found in chosen]

    with ThreadPoolExecutor(1) as pool:
        ahead: Future[list[TrainingTile]] = pool.submit(draw_step, first)
        for step in range(first, last):
            tiles = ahead.result()
            if step + 1 < last:
                ahead = pool.submit(draw_step, step + 1)
            yield step, tiles


def validate(network: UNet, records: list[Record], config: dict[str, Any]) -> dict[str, dict[str, float]]:
    """Return the IoU of objects and of borders for each set, on fixed tiles of the held-out images, none invented."""
    network.eval()
    config = config | {"simulated": 0.0, "axial": 0.0}
    scores: dict[str, dict[str, float]] = {}
    for name in sorted({record.set_name for record in records}):
        hits, unions = np.zeros(3), np.zeros(3)
        found = [record for record in records if record.set_name == name]
        # A volume is tested in several places, a plane in one.
        for number, record in enumerate((found * (4 if config["ndim"] == 3 else 1))[:12]):
            tile = draw(record, np.random.default_rng((_VALIDATION_SEED, number)), config)
            with torch.inference_mode(), autocast(torch.device("cpu")):
                answer = network(torch.from_numpy(tile.image[None])).argmax(1)[0].numpy()
            for cls in (OBJECT, BORDER):
                known = tile.target != IGNORED
                ours, theirs = known & (answer == cls), tile.target == cls
                hits[cls] += (ours & theirs).sum()
                unions[cls] += (ours | theirs).sum()
        iou = hits / np.maximum(unions, 1)
        scores[name] = {"object": round(float(iou[OBJECT]), 4), "border": round(float(iou[BORDER]), 4)}
    return scores


def save_model_file(network: UNet, config: dict[str, Any], output: Path, state: _State) -> ModelFile:
    """Write the averaged weights, with batch normalisation folded in, as a float16 model file; write log and card."""
    sizes = {key: config[key] for key in ("ndim", "width", "depth", "padding", "dropout")}
    architecture = Architecture(n_outputs=3, **sizes)
    header = ModelHeader(
        name=config["name"],
        architecture=architecture,
        border=True,
        summary=config["summary"],
        training={key: value for key, value in config.items() if key != "name"} | {"steps_done": state.step},
        provenance=origin(config, state.seconds),
    )
    model = from_network(fold_batch_norm(network), header, dtype=np.float16)
    save_model(model, output / f"{config['name']}.safetensors")
    (output / f"{config['name']}.jsonl").write_text(thinned(output / "log.jsonl"), "utf-8")
    write_card(output / f"{config['name']}.md", config, header.provenance, output / "log.jsonl")
    return model


def _log(output: Path, entry: dict[str, Any]) -> None:
    with (output / "log.jsonl").open("a", encoding="utf-8") as log:
        log.write(json.dumps(entry) + "\n")
