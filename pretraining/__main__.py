"""``python -m pretraining --data DIR -o DIR``: train the bundled weights, or go on where a run was interrupted."""

from __future__ import annotations

import argparse
import tomllib
from pathlib import Path

from pretraining.run import pretrain


def main() -> None:
    """Parse the command line and train."""
    parser = argparse.ArgumentParser(prog="python -m pretraining", description=__doc__)
    parser.add_argument("--data", type=Path, required=True, help="folder of the sets, each with images/ and labels/")
    parser.add_argument("-o", "--output", type=Path, required=True, help="folder of checkpoints, log and model")
    parser.add_argument("--config", type=Path, default=Path(__file__).with_name("config.toml"))
    parser.add_argument("--threads", type=int, default=1)
    parser.add_argument("--steps", type=int, help="instead of the configuration's")
    arguments = parser.parse_args()
    config = tomllib.loads(arguments.config.read_text())
    if arguments.steps:
        config["steps"] = arguments.steps
    pretrain(arguments.data, arguments.output, config, threads=arguments.threads)


if __name__ == "__main__":
    main()
