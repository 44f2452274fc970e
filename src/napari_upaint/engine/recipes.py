"""How training proceeds: optimiser, tile size, learning rate over time."""

from __future__ import annotations

import math
from dataclasses import dataclass, replace
from typing import Literal

import torch

from napari_upaint.settings import TrainSettings


@dataclass(frozen=True, slots=True)
class Plan:
    """A recipe with its figures.

    Attributes
    ----------
    optimizer : {"adamw", "sgd"}
    learning_rate : float
        Of a step, before it is multiplied by `warmth`; one in the settings overrides it.
    output : int
        Edge of the part of a tile that is learnt from, px: small ones mean more steps in a minute, large ones less work
        lost to the halo. The size of the network's input follows from it and from the depth.
    average : float
        Share of the old value in the moving average of the weights at every step; 0: no average.
    validations : int
        How often the held-out paint is judged during a training.
    warmup : int
        Steps until the learning rate is reached; 0: at once.
    decays : bool
        Whether the learning rate falls in the last third of the budget.
    apart : float
        Weight of keeping painted objects apart, see `losses.keep_apart`.
    all_paint : float
        Share of the budget (after new paint, of what was left of it) after which held-out paint is learnt from, too.
    """

    optimizer: Literal["adamw", "sgd"]
    learning_rate: float
    output: int
    average: float
    validations: int
    warmup: int
    decays: bool
    apart: float = 0.0
    all_paint: float = math.inf


# Chosen by measurement, see docs/choices.md.
FINE_TUNE = Plan("adamw", 1e-3, 196, 0.98, 16, 10, True, apart=0.1, all_paint=0.5)
FROM_SCRATCH = Plan("adamw", 1e-3, 196, 0.98, 16, 20, True, apart=0.1, all_paint=0.5)
# Paper, sec. 3: one tile of 572 px per step, momentum 0.99. With that momentum a step moves a hundred times its size.
PAPER = Plan("sgd", 1e-4, 388, 0.0, 16, 0, False)
# Tiles of volumes are small along each axis, and judging one takes as long as learning from a tile of a plane.
_OUTPUT_3D = {"fast": 28, "paper": 44}
_VALIDATIONS_3D = 8
# Steps take longer and see less paint: of three rates tried on confocal nuclei, this one learnt most.
_SCRATCH_RATE_3D = 3e-3


def plan_for(settings: TrainSettings, *, pretrained: bool, ndim: int = 2) -> Plan:
    """Return the plan of a training on planes or volumes."""
    plan = PAPER if settings.recipe == "paper" else FINE_TUNE if pretrained else FROM_SCRATCH
    if ndim == 3:
        rate = _SCRATCH_RATE_3D if plan is FROM_SCRATCH else plan.learning_rate
        plan = replace(plan, output=_OUTPUT_3D[settings.recipe], validations=_VALIDATIONS_3D, learning_rate=rate)
    return replace(plan, learning_rate=settings.learning_rate or plan.learning_rate)


def optimizer_for(plan: Plan, parameters: list[torch.nn.Parameter]) -> torch.optim.Optimizer:
    """Build the optimiser of a plan."""
    if plan.optimizer == "sgd":
        return torch.optim.SGD(parameters, plan.learning_rate, momentum=0.99)
    fused = parameters[0].device.type in ("cpu", "cuda")  # one loop instead of ten: two thirds of the time
    return torch.optim.AdamW(parameters, plan.learning_rate, weight_decay=1e-4, fused=fused)


def warmth(plan: Plan, step: int, fraction: float) -> float:
    """Return the factor of the learning rate at a step, when `fraction` of the budget is used."""
    warm = min(1.0, (step + 1) / plan.warmup) if plan.warmup else 1.0
    # A cosine schedule is low for a long time; a minute is short, so the rate stays high and falls in the last third.
    return warm * (min(1.0, max(0.02, (1 - fraction) * 3)) if plan.decays else 1.0)
