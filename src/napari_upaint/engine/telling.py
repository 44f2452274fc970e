"""Generators that yield after every step and return what comes of them: run to the end, or told of in other words."""

from __future__ import annotations

from collections.abc import Generator
from typing import TypeVar

Words = TypeVar("Words")
Outcome = TypeVar("Outcome")


def returned(steps: Generator[object, None, Outcome]) -> Outcome:
    """Return what steps come to, whatever they yield."""
    while True:
        try:
            next(steps)
        except StopIteration as end:
            outcome: Outcome = end.value
            return outcome


def telling(words: Words, steps: Generator[object, None, Outcome]) -> Generator[Words, None, Outcome]:
    """Say after each step what it is for, and return what they come to."""
    while True:
        try:
            next(steps)
        except StopIteration as end:
            outcome: Outcome = end.value
            return outcome
        yield words
