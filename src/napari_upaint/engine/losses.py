"""The loss: weighted softmax cross entropy on painted pixels (paper, sec. 3, eq. 1)."""

from __future__ import annotations

import torch

from napari_upaint.core.labels import IGNORED


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
