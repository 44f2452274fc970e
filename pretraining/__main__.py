"""``python -m pretraining --data DIR -o DIR``: train the bundled weights, or go on where a run was interrupted.

The models are trained one after the other, each in its own folder; most begin with what another one has learnt.
"""

from __future__ import annotations

import argparse
import tomllib
from pathlib import Path
from typing import Any

from pretraining.logs import differences
from pretraining.run import pretrain

CONFIG = Path(__file__).with_name("config.toml")


def read_config(path: Path, model: str) -> dict[str, Any]:
    """Return everything that the pretraining of a model depends on, including what it inherits from other models."""
    config = tomllib.loads(path.read_text("utf-8"))
    models = config.pop("models")
    chain = [models[model]]
    while chain[0]["begin"]:
        chain.insert(0, models[chain[0]["begin"]])
    return {**config, **{key: value for own in chain for key, value in own.items()}, "name": model}


def main() -> None:
    """Parse the command line and train."""
    models = list(tomllib.loads(CONFIG.read_text("utf-8"))["models"])
    parser = argparse.ArgumentParser(prog="python -m pretraining", description=(__doc__ or "").splitlines()[0])
    parser.add_argument("--data", type=Path, required=True, help="folder of the sets, each with images/ and labels/")
    parser.add_argument("-o", "--output", type=Path, required=True, help="folder of a folder for each model")
    parser.add_argument("--models", nargs="+", choices=models, default=models, help="these alone, in their order")
    parser.add_argument("--threads", type=int, default=1)
    parser.add_argument("--steps", type=int, help="length of the schedule, instead of the configuration's")
    parser.add_argument("--until", type=int, help="stop after so many steps of the schedule")
    parser.add_argument("--compare", type=Path, help="log of another run of one model; says how far losses lie apart")
    options = parser.parse_args()
    for model in options.models:
        config = read_config(CONFIG, model)
        config["steps"] = options.steps or config["steps"]
        begin = options.output / config["begin"] / f"{config['begin']}.safetensors" if config["begin"] else None
        if begin is not None and not begin.exists():
            parser.error(f"{model} begins with {config['begin']}, and there is no {begin}; train that one first.")
        pretrain(
            options.data, options.output / model, config, threads=options.threads, begin=begin, until=options.until
        )
        if options.compare:
            apart = differences(options.output / model / "log.jsonl", options.compare)
            worst = max(apart, key=apart.__getitem__)
            print(f"{len(apart)} steps compared; the losses lie at most {apart[worst]:.2%} apart (step {worst}).")


if __name__ == "__main__":
    main()
