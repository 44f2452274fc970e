"""The loss: weighted softmax cross entropy on painted pixels (paper, sec. 3, eq. 1), and what is held to elsewhere."""

from __future__ import annotations

import numpy as np
import torch

from napari_upaint.core.labels import IGNORED
from napari_upaint.core.leaks import leaks

# Where the first guess is not what the start knew, the network has to be moved there: chosen by measurement, see
# docs/choices.md.
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
        (B, [Z,] Y, X), integer outputs, -1 where nothing is painted.
    weights : torch.Tensor
        (B, [Z,] Y, X), the weight map w(x).
    border : bool
        Whether the last output is the border between objects. Who paints background does not say whether a border
        runs there, so background is satisfied by both: strokes then never teach the network to forget borders.
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
    """Return the mean divergence (Kullback-Leibler) of the scores from those that the training started from.

    Parameters
    ----------
    logits : torch.Tensor
        (B, K, [Z,] Y, X).
    start : torch.Tensor
        Scores of the start, same shape; they sum to 1 over K.
    where : torch.Tensor
        (B, [Z,] Y, X), bool: unlabelled pixels.
    """
    log_p = torch.log_softmax(logits.float(), dim=1)
    each = (start * (torch.log(start.clamp(min=1e-6)) - log_p)).sum(1)
    return (each * where).sum() / where.sum().clamp(min=1)


def hold_weight(hold: float, loss: float, share: float = 0.0) -> float:
    """Return the weight of `hold_on` beside the loss of what is painted.

    It is never nothing: even where the start errs in what counts as an object it knows how objects come apart, which a
    few strokes do not show.

    Parameters
    ----------
    hold : float
        How strongly the model is to keep to what it knew, 1 as usual.
    loss : float
        Of what it is held to, on paint that this had not seen; the mean score of what was painted follows from it.
    share : float
        How much of that is a classifier of pixels and not the start, 0..1, see `first_guess.FirstGuess`.
    """
    return hold * float(np.exp(-loss)) * (1 + _FURTHER * share)


def keep_apart(logits: torch.Tensor, objects: torch.Tensor, *, border: bool) -> torch.Tensor:
    """Return the mean of -log(score of not being inside an object) where painted objects run together.

    Strokes show the insides of objects and not the borders between them; but two that were painted as two are two, so
    that every path between them crosses a border. Pushed apart is where the best path is narrowest (as in the maximin
    affinity of Turaga et al. 2009, here for a few strokes).

    Parameters
    ----------
    logits : torch.Tensor
        (1, K, [Z,] Y, X).
    objects : torch.Tensor
        (1, [Z,] Y, X), integers: above 0 painted as that object, 0 unlabelled, below 0 painted as background.
    border : bool
        Whether the last output is the border between objects, which is as good as background here.

    Returns
    -------
    torch.Tensor
        0 where no two objects run together.
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
