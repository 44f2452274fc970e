"""Floor 1: pure functions on NumPy arrays, 2D and 3D alike."""
