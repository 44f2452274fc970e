"""The loss: weighted softmax cross entropy on painted pixels (paper, sec. 3, eq. 1), and the terms for all others."""

from __future__ import annotations

import numpy as np
import torch

from napari_upaint.core.labels import IGNORED
from napari_upaint.core.leaks import leaks

# If the first guess differs from what the start knew, the network has to be pulled to it harder: chosen by measurement,
# see docs/choices.md.
_FURTHER = 2.0


def painted_cross_entropy(
    logits: torch.Tensor, target: torch.Tensor, weights: torch.Tensor, *, border: bool
) -> torch.Tensor:
    """Return the weighted mean of -log p over painted pixels.

    Parameters
    ----------
    logits : torch.Tensor
        (B, K, [Z,] Y, X).
    target : torch.Tensor
        (B, [Z,] Y, X), integer: number of the output, -1 where nothing is painted.
    weights : torch.Tensor
        (B, [Z,] Y, X), the weight map w(x).
    border : bool
        Whether the last output is the border between objects. Painted background does not say whether a border runs
        there, so both answers are right: strokes then never teach the network to forget borders.
    """
    log_p = torch.log_softmax(logits.float(), dim=1)
    if border:
        background = torch.logaddexp(log_p[:, 0], log_p[:, -1])
        log_p = torch.cat([background[:, None], log_p[:, 1:]], dim=1)
    painted = target != IGNORED
    picked = log_p.gather(1, target.clamp(min=0).long()[:, None])[:, 0]
    weights = weights * painted
    return -(picked * weights).sum() / weights.sum().clamp(min=1e-6)


def hold_on(logits: torch.Tensor, start: torch.Tensor, where: torch.Tensor) -> torch.Tensor:
    """Return the mean Kullback-Leibler divergence from the scores of the start to those of the network.

    Parameters
    ----------
    logits : torch.Tensor
        (B, K, [Z,] Y, X).
    start : torch.Tensor
        Scores of the start (or of the first guess), same shape; they sum to 1 over K.
    where : torch.Tensor
        (B, [Z,] Y, X), bool: unlabelled pixels.
    """
    log_p = torch.log_softmax(logits.float(), dim=1)
    each = (start * (torch.log(start.clamp(min=1e-6)) - log_p)).sum(1)
    return (each * where).sum() / where.sum().clamp(min=1)


def hold_weight(hold: float, loss: float, share: float = 0.0) -> float:
    """Return the weight of `hold_on` beside the loss on painted pixels.

    It is 0 only if `hold` is: even a start that is wrong about what counts as an object knows how to separate objects,
    which a few strokes do not show.

    Parameters
    ----------
    hold : float
        How strongly the model holds on to what it knew; 1 is usual.
    loss : float
        Of the scores that it is held to, on paint that they were not learnt from.
    share : float
        How much of these comes from a pixel classifier and not from the start, 0..1, see `first_guess.FirstGuess`.
    """
    return hold * float(np.exp(-loss)) * (1 + _FURTHER * share)


def keep_apart(logits: torch.Tensor, objects: torch.Tensor, *, border: bool) -> torch.Tensor:
    """Return the mean of -log(score of not being inside an object) where painted objects merge.

    Strokes show the insides of objects and not the borders between them. But if two objects are painted, every path
    between them must cross a border. They are pushed apart at the narrowest point of the best path (as in the maximin
    affinity of Turaga et al. 2009, here for a few strokes).

    Parameters
    ----------
    logits : torch.Tensor
        (1, K, [Z,] Y, X).
    objects : torch.Tensor
        (1, [Z,] Y, X), integers: above 0 the painted object, 0 unlabelled, below 0 painted background.
    border : bool
        Whether the last output is the border between objects, which counts like background here.

    Returns
    -------
    torch.Tensor
        0 if no two objects merge.
    """
    painted = objects[0].cpu().numpy()
    ids = painted[painted > 0]
    if not len(ids) or ids.min() == ids.max():
        return logits.new_zeros(())
    log_p = torch.log_softmax(logits[0].float(), dim=0)
    outside = torch.logaddexp(log_p[0], log_p[-1]) if border else log_p[0]
    where = leaks(1 - outside.detach().exp().cpu().numpy(), painted)
    if not len(where):
        return logits.new_zeros(())
    return -outside.flatten()[torch.from_numpy(where).to(outside.device)].mean()
