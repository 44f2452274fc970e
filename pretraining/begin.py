"""Begins one network with what another has learnt: with twice the channels, or for volumes instead of planes."""

from __future__ import annotations

import torch

State = dict[str, torch.Tensor]

_SPREAD = 0.5  # standard deviation of the shares of two copies of a channel: equal copies would learn the same for ever


def begun(known: State, fresh: State, seed: int) -> State:
    """Return weights with the shapes of `fresh` that hold what `known` does: unchanged, widened or inflated."""
    first = "down.0.0.weight"
    if known[first].ndim < fresh[first].ndim:
        return inflated(known, fresh)
    if known[first].shape != fresh[first].shape:
        return widened(known, fresh, torch.Generator().manual_seed(seed))
    return known


def widened(narrow: State, wide: State, generator: torch.Generator) -> State:
    """Return weights with the shapes of `wide` that compute what `narrow` computes (Net2Net, Chen et al. 2016).

    Every channel exists twice. Whatever reads a channel reads both copies, with random shares of its old weight that
    add up to one, so that the copies soon learn different things.

    Parameters
    ----------
    narrow, wide : dict of str to torch.Tensor
        State dictionaries of plain networks with the same number of levels, the second with twice the width.
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
    """Double the input channels; the channels of each of the `sources` concatenated inputs stay together."""
    share = 0.5 + _SPREAD * torch.randn(value.shape, generator=generator)
    parts = zip((value * share).chunk(sources, axis), (value * (1 - share)).chunk(sources, axis), strict=True)
    return torch.cat([half for pair in parts for half in pair], axis)


def inflated(flat: State, deep: State) -> State:
    """Return weights with the shapes of `deep` that do for volumes what `flat` does for planes.

    The middle plane of a kernel gets half of the weights, its neighbours a quarter each: for a volume of equal planes,
    the result is the same as for one of them (Carreira & Zisserman 2017, sec. 2.3, where the shares are equal).

    Parameters
    ----------
    flat, deep : dict of str to torch.Tensor
        State dictionaries of plain networks of the same width and number of levels, in two and three dimensions.
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
