"""One training: network, optimiser, tiles, and the best weights so far."""

from __future__ import annotations

import copy
import math
from collections.abc import Generator, Iterator, Sequence
from dataclasses import replace
from functools import cached_property, partial

import numpy as np
import torch

from napari_upaint.core.fingerprint import fingerprint
from napari_upaint.core.regions import learnt
from napari_upaint.core.sample import Sample
from napari_upaint.core.weight_map import balance_power
from napari_upaint.engine.anchored import AnchoredAverage, reach
from napari_upaint.engine.blocks import moved_to
from napari_upaint.engine.budget import Budget
from napari_upaint.engine.device import choose
from napari_upaint.engine.device_sampling import Draw, drawing
from napari_upaint.engine.first_guess import first_guess
from napari_upaint.engine.judging import Judgement, judge
from napari_upaint.engine.keeping import Kept
from napari_upaint.engine.losses import hold_weight
from napari_upaint.engine.predict import predict_scores
from napari_upaint.engine.preparing import Prepared, preparing
from napari_upaint.engine.progress import TrainProgress
from napari_upaint.engine.recipes import Plan, optimizer_for, plan_for, warmth
from napari_upaint.engine.refusal import why_not
from napari_upaint.engine.remembered import Remembered
from napari_upaint.engine.sampling import Sampler, Start, ValidationTile, holds_out, validation_tiles
from napari_upaint.engine.start import known_loss, start_header, start_network, start_shares
from napari_upaint.engine.step import MOST_TILES, Average, Learner, Question
from napari_upaint.engine.telling import telling
from napari_upaint.engine.tile_size import training_tile
from napari_upaint.engine.tiled import tile_scores
from napari_upaint.engine.unet import UNet
from napari_upaint.engine.unlike import without_unlike
from napari_upaint.io.models import ModelFile
from napari_upaint.settings import AugmentSettings, Kind, TrainSettings, WeightSettings

_JUDGING = "judging the start"
# Most voxels, at the scale of the network, for which a first answer is made: a million takes about a second.
_MOST_VOXELS = 8_000_000


class Trainer:
    """State of one training; `engine.train.train` drives it."""

    def __init__(
        self,
        samples: list[Sample],
        kind: Kind,
        start: ModelFile | None,
        settings: TrainSettings,
        weights: WeightSettings,
        augment: AugmentSettings,
        device: str,
    ) -> None:
        self.samples, self.kind, self.start, self.settings = samples, kind, start, settings
        self.weights, self.augment = weights, augment
        self.device = choose(device, samples[0].annotation.ndim)
        self.budget, self.refusal = Budget(settings), ""
        torch.manual_seed(settings.seed)
        self.plan: Plan = plan_for(settings, pretrained=start is not None, ndim=samples[0].annotation.ndim)
        self.header = start_header(samples, kind, start, settings)
        self.border = self.header.border
        self.scale = settings.scale or self.header.scale
        self.shares = start_shares(samples, kind, start)
        network = start_network(self.header, start, samples[0].image.shape[0], self.shares)
        self.network = moved_to(self.device, network)
        self.average = copy.deepcopy(self.network) if self.plan.average else self.network
        # It makes no sense to go back towards a start that had other outputs.
        same = start is not None and start.header.output_names == self.header.output_names
        self.averaging = (AnchoredAverage if same else Average)(self.network, self.average)
        self.optimizer = optimizer_for(self.plan, list(self.network.parameters()))
        clip = 0.0 if self.plan.optimizer == "sgd" else 1.0
        most = 1 if self.plan.optimizer == "sgd" else MOST_TILES  # as in the paper: one tile per step
        self.learner = Learner(self.network, self.optimizer, seed=settings.seed, clip=clip, most=most)
        self.tile = training_tile(self.network, self.plan.output, samples, self.device)
        self.step, self.loss = 0, None  # type: int, float | None
        self.tiles = 0  # learnt so far
        self.judged = 0  # the last step after which the network was judged
        self.kept = Kept()
        self.prepared: list[Prepared] = []
        self.balance = 1.0  # of the classes when the network is judged, see `core.weight_map.balance_power`
        self.draw: Draw | None = None
        self.holds_out = False  # whether there is enough paint to hold some of it out
        self.second_half = False  # whether it has begun, see `begin_second_half`
        self.everything = False  # whether held-out paint is learnt from, too
        self.looked = 0.0  # how much of the budget was used when samples were looked at
        self.unseen = False  # whether new samples were taken since
        self._known = Remembered()  # about images that stay while new paint comes

    def take(self, samples: Sequence[Sample]) -> None:
        """Take new samples, or keep the old ones if this training cannot learn from the new.

        `refusal` then says why.
        """
        self.refusal = why_not(samples, self.kind, self.header, self.network, self.scale)
        if not self.refusal:
            self.budget.extend()
            self.samples, self.unseen = list(samples), True

    def look_at_samples(self) -> Iterator[str]:
        """Prepare tiles for training and validation, and judge the network on the latter.

        Yields a description of what it does every second or so; if it is not run to the end, nothing changes.
        """
        first, self.unseen = self.step == 0, False
        self._known.begin()
        prepared = yield from self.preparing()
        starts = yield from self._start_scores(prepared)
        held_out = holds_out(prepared)
        padded = self.network.padding == "same"
        validation = validation_tiles(prepared, self.network.depth, max(self.tile), held_out=held_out, padded=padded)
        balance = self._balance_power()
        now = self._judged(self.average, validation, balance)
        yield _JUDGING
        # New paint is a new test: the start and the present average are judged again.
        start = now if first or self.start is None else self._judged(self._teacher, validation, balance)
        before = self._total(start) if first or self.start is not None else self.kept.before
        loss, best = self._total(now), self.average
        if self.start is not None and before < loss:
            loss, best = before, self._teacher
        yield _JUDGING
        held = yield from self._held_scores(prepared, starts, start.pixels)
        self.kept.begin(before, loss, best if not first or self.start is not None else None)
        self.prepared, self.validation, self.held, self.holds_out = prepared, validation, held, held_out
        self.balance = balance
        self._draw_from(prepared)
        self.second_half, self.everything, self.looked = False, False, self.fraction()

    def preparing(self) -> Generator[str, None, list[Prepared]]:
        """Prepare the samples, see `engine.preparing`."""
        border = len(self.header.classes) if self.border else None
        return preparing(
            self.samples, self.kind, scale=self.scale, border=border, weights=self.weights, seed=self.settings.seed
        )

    def sampler(self, prepared: Sequence[Prepared], start: Start = None) -> Sampler:
        """Return the sampler that draws the tiles of this training from prepared samples."""
        tile, halo, seed = self.tile, self.network.halo, self.settings.seed
        return Sampler(prepared, self.augment, tile=tile, halo=halo, seed=seed, start=start)

    def _start_scores(self, prepared: list[Prepared]) -> Generator[str, None, list[np.ndarray]]:
        """Return the scores of prepared samples by the start; none if no first answer is made from them."""
        starts = list[np.ndarray]()
        for one in prepared if self._guesses(prepared) else ():
            words, key = f"looking at image {len(starts) + 1} of {len(prepared)}", ("start", fingerprint(one.image))
            known = self._known.get(key)
            if known is None:
                known = yield from telling(words, predict_scores(self._teacher, one.image, 1.0))
            starts.append(self._known.put(key, known))
            yield words
        return starts

    def _draw_from(self, prepared: list[Prepared]) -> None:
        """Draw tiles from these samples from now on."""
        self.draw = None  # a GPU may not have room for both
        self.draw = drawing(self.sampler(prepared, self.held), self.device)

    def begin_second_half(self, fraction: float) -> Iterator[str]:
        """Once the held-out paint has shown that learning helps, learn from it, too, and from what was found meanwhile.

        Of a few strokes, a fifth is a lot to do without. Validation regions are never learnt from. Yields a description
        of what it does every second or so; if it is not run to the end, nothing changes.
        """
        due = fraction - self.looked >= self.plan.all_paint * (1 - self.looked) and self.kept.better
        if self.second_half or not due:
            return
        if self.kind == "objects" and self.network.ndim == 2 and isinstance(self.held, list):
            network = self.average.eval()
            self.held = yield from without_unlike(
                self.held, network, self.prepared, border=self.border, scale=self.scale
            )
        self.second_half, prepared = True, self.prepared
        if all(sample.validation is None for sample in self.samples):
            self.everything = True
            prepared = [replace(one, held_out=np.zeros_like(one.held_out)) for one in prepared]
        self._draw_from(prepared)

    def _guesses(self, prepared: list[Prepared]) -> bool:
        """Return whether to make a first answer for unlabelled pixels, for which the start predicts whole samples."""
        small = self.network.ndim == 2 or sum(one.target.size for one in prepared) <= _MOST_VOXELS
        return self.start is not None and bool(self.settings.hold) and small

    def _held_scores(
        self, prepared: list[Prepared], starts: list[np.ndarray], loss: float
    ) -> Generator[str, None, Start]:
        """Return the scores to hold unlabelled pixels to, and set how strongly; `loss` is that of the start."""
        self.hold, hold = 0.0, self.settings.hold
        if self.start is None:
            return None
        teacher = self._teacher
        if not self._guesses(prepared):
            self._go_back(loss, 0.0)
            self.hold = hold_weight(hold, loss)
            # The start predicts tile by tile as they are drawn: paint in a volume may have wide surroundings.
            return partial(tile_scores, teacher) if hold else None
        guessing = first_guess(
            prepared, teacher, starts, border=self.border, seed=self.settings.seed, known=self._known
        )
        guess = yield from guessing
        self._go_back(loss, guess.share)
        self.hold = hold_weight(hold, guess.loss, guess.share)
        return guess.scores

    def _go_back(self, loss: float, share: float) -> None:
        if isinstance(self.averaging, AnchoredAverage):
            assert self.start is not None
            known = known_loss(self.start.header, self.samples)
            if known is not None:
                loss, share = min(loss, known), 0.0
            self.averaging.reach = reach(loss, self.settings.hold, share)

    @cached_property
    def _teacher(self) -> UNet:
        """The start's network, which never changes."""
        assert self.start is not None
        network = start_network(self.header, self.start, self.network.in_channels, self.shares)
        return moved_to(self.device, network).eval()

    def train_step(self, fraction: float) -> None:
        """Learn the next tiles (paper, sec. 3: large tiles rather than many, high momentum)."""
        assert self.draw is not None
        for group in self.optimizer.param_groups:
            group["lr"] = self.plan.learning_rate * warmth(self.plan, self.step, fraction)
        value, count = self.learner.step(self.draw, self.tiles, Question(self.border, self.hold, self.plan.apart))
        self._average_weights()
        if math.isfinite(value):  # else no weights were moved
            self.loss = value if self.loss is None else 0.9 * self.loss + 0.1 * value
        self.step += 1
        self.tiles += count

    def _average_weights(self) -> None:
        if self.average is self.network:
            return
        # A short memory at first, or the average would remember the start throughout a short training.
        keep = min(self.plan.average, (self.step + 1) / (self.step + 4))
        self.averaging.move(1 - keep)

    def _balance_power(self) -> float:
        """Return how far the weight map would balance the classes of all painted samples, if they were one image."""
        paint = [learnt(one.annotation, one.validation) for one in self.samples if one.annotation.any()]
        painted = sum(int(np.count_nonzero(one)) for one in paint)
        return balance_power(painted, sum(one.size for one in paint), self.weights)

    def _judged(self, network: UNet, validation: list[ValidationTile], balance: float) -> Judgement:
        return judge(network.eval(), validation, self.device, border=self.border, balance=balance)

    def _total(self, judgement: Judgement) -> float:
        return judgement.pixels + self.plan.apart * judgement.together

    def judge(self) -> float | None:
        """Judge the averaged network, and keep it if it is good enough.

        Returns its loss on held-out paint, in which classes count as in training and merged objects are added; None if
        no paint is held out (any more).
        """
        loss, self.judged = self._total(self._judged(self.average, self.validation, self.balance)), self.step
        if self.everything:
            self.kept.offer_knowing(loss, self.average)
            return None
        self.kept.offer(loss, self.average)
        return loss if self.holds_out else None

    def fraction(self) -> float:
        """Return the share of the budget that is used: of steps if they are counted, else of seconds."""
        return self.budget.fraction(self.step)

    def progress(self, stage: str, validation: float | None = None) -> TrainProgress:
        """Return the state of the training, with a description of the stage."""
        seconds, granted = self.budget.spent, self.budget.seconds
        return TrainProgress(stage, self.step, seconds, granted, min(1.0, self.fraction()), self.loss, validation)
