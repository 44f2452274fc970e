"""Floor 4: runs, batch plans and the engine process; no torch, no Qt, no napari."""
