"""``python -m pretraining --data DIR -o DIR``: train the bundled weights, or go on where a run was interrupted."""

from __future__ import annotations

import argparse
import tomllib
from pathlib import Path
from typing import Any

from pretraining.logs import differences
from pretraining.run import pretrain


def read_config(path: Path, model: str) -> dict[str, Any]:
    """Return everything that the pretraining of a model depends on: what all share, and its own."""
    config = tomllib.loads(path.read_text())
    models = config.pop("models")
    if model not in models:
        raise SystemExit(f"{path.name} has no model {model}; choose one of {', '.join(models)}.")
    return {**config, **models[model], "name": model}


def main() -> None:
    """Parse the command line and train."""
    parser = argparse.ArgumentParser(prog="python -m pretraining", description=__doc__)
    parser.add_argument("--data", type=Path, required=True, help="folder of the sets, each with images/ and labels/")
    parser.add_argument("-o", "--output", type=Path, required=True, help="folder of checkpoints, log and model")
    parser.add_argument("--model", default="generalist-fast", help="a model of the configuration")
    parser.add_argument("--config", type=Path, default=Path(__file__).with_name("config.toml"))
    parser.add_argument("--widen", type=Path, help="checkpoint.pt of a network of half the width to begin with")
    parser.add_argument("--inflate", type=Path, help="checkpoint.pt of a network of planes to begin volumes with")
    parser.add_argument("--threads", type=int, default=1)
    parser.add_argument("--steps", type=int, help="length of the schedule, instead of the configuration's")
    parser.add_argument("--until", type=int, help="stop after so many steps of the schedule")
    parser.add_argument("--compare", type=Path, help="log of another run; says how far the losses lie apart")
    arguments = parser.parse_args()
    config = read_config(arguments.config, arguments.model)
    if arguments.steps:
        config["steps"] = arguments.steps
    pretrain(
        arguments.data,
        arguments.output,
        config,
        threads=arguments.threads,
        widen=arguments.widen,
        inflate=arguments.inflate,
        until=arguments.until,
    )
    if arguments.compare:
        apart = differences(arguments.output / "log.jsonl", arguments.compare)
        worst = max(apart, key=apart.__getitem__)
        print(f"{len(apart)} steps compared; the losses lie at most {apart[worst]:.2%} apart (step {worst}).")


if __name__ == "__main__":
    main()
