"""Run generators that yield after every step and return a result: silently, or yielding a description instead."""

from __future__ import annotations

from collections.abc import Generator
from typing import TypeVar

Words = TypeVar("Words")
Outcome = TypeVar("Outcome")


def returned(steps: Generator[object, None, Outcome]) -> Outcome:
    """Run steps to the end, ignore what they yield, and return their result."""
    while True:
        try:
            next(steps)
        except StopIteration as end:
            outcome: Outcome = end.value
            return outcome


def telling(words: Words, steps: Generator[object, None, Outcome]) -> Generator[Words, None, Outcome]:
    """Run steps to the end, yield `words` after each of them, and return their result."""
    while True:
        try:
            next(steps)
        except StopIteration as end:
            outcome: Outcome = end.value
            return outcome
        yield words
