"""Begins one network with what another has learnt: twice the channels, or volumes instead of planes."""

from __future__ import annotations

import torch

State = dict[str, torch.Tensor]

_SPREAD = 0.5  # of the shares that two copies of a channel get: equal copies would learn the same for ever


def begun(known: State, fresh: State, seed: int) -> State:
    """Return weights of the shapes of `fresh` with what `known` holds: the same, widened, or inflated."""
    first = "down.0.0.weight"
    if known[first].ndim < fresh[first].ndim:
        return inflated(known, fresh)
    if known[first].shape != fresh[first].shape:
        return widened(known, fresh, torch.Generator().manual_seed(seed))
    return known


def widened(narrow: State, wide: State, generator: torch.Generator) -> State:
    """Return weights of the shapes of `wide` that compute what those of `narrow` compute (Net2Net, Chen et al. 2016).

    Every channel is there twice. Whatever reads a channel reads both copies, with shares of its old weight that add
    up to one and are drawn at random, so that the copies soon learn different things.

    Parameters
    ----------
    narrow, wide : dict of str to torch.Tensor
        State dictionaries of plain networks with the same levels, the second with twice the width.
    """
    result: State = {}
    for name, like in wide.items():
        value = narrow[name]
        reads = 0 if name.startswith("up.") else 1  # the axis of a kernel along which its input channels lie
        for axis, (old, new) in enumerate(zip(value.shape, like.shape, strict=True)):
            if old == new:
                continue
            if value.ndim > 1 and axis == reads:
                value = _shared_out(
                    value, axis, 2 if name.startswith("merge.") and ".0.weight" in name else 1, generator
                )
            else:
                value = torch.cat([value, value], axis)
        result[name] = value.contiguous()
    return result


def _shared_out(value: torch.Tensor, axis: int, sources: int, generator: torch.Generator) -> torch.Tensor:
    """Double the input channels; those of each of the concatenated `sources` stay together."""
    share = 0.5 + _SPREAD * torch.randn(value.shape, generator=generator)
    parts = zip((value * share).chunk(sources, axis), (value * (1 - share)).chunk(sources, axis), strict=True)
    return torch.cat([half for pair in parts for half in pair], axis)


def inflated(flat: State, deep: State) -> State:
    """Return weights of the shapes of `deep` for volumes whose middle sees what `flat` saw in a plane.

    A kernel's middle plane gets half of the weights, its neighbours a quarter each: on a volume that is the same in
    all planes it computes the same (as in Carreira & Zisserman 2017, sec. 2.3, there with equal shares).

    Parameters
    ----------
    flat, deep : dict of str to torch.Tensor
        State dictionaries of plain networks of the same widths and levels in two and three dimensions.
    """
    result: State = {}
    for name, like in deep.items():
        value = flat[name]
        if value.ndim == 4:
            shares = {1: (1.0,), 2: (1.0, 1.0), 3: (0.25, 0.5, 0.25)}[like.shape[2]]
            value = torch.stack([share * value for share in shares], 2)
        assert value.shape == like.shape
        result[name] = value.contiguous()
    return result
