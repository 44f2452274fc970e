"""The origin of a shipped model: the part of its header that its card repeats for readers."""

from __future__ import annotations

import platform
from typing import Any

from napari_upaint.io.provenance import today, versions
from pretraining.card import SETS

# Published with the images; the other sets' files do not tell.
PIXEL_SIZES = {"fib25_3d": "0.01 micrometer"}


def origin(config: dict[str, Any], seconds: float) -> dict[str, Any]:
    """Return the provenance of a model: date, command, seed, versions, data with terms, known pixel sizes."""
    sets = sorted(config["sets"])
    terms = {name: SETS[one][1] for name in sets if (one := name.removesuffix("_colour")) in SETS}
    known = ", ".join(f"{name} {size}" for name, size in PIXEL_SIZES.items() if name in sets)
    low, high = config["diameter"]["low"], config["diameter"]["high"]
    return {
        "date": today(),
        "command": f"python -m pretraining --data DIR -o DIR --models {config['name']}",
        "seed": config["seed"],
        "hours": round(seconds / 3600, 2),
        "processor": platform.processor() or platform.machine(),
        **versions(),
        "data": sets,
        "terms": terms,
        "pixel_size": f"any: objects were resized to diameters of {low} to {high} px"
        + (f" (known: {known}; other files do not say)" if known else ""),
    }
