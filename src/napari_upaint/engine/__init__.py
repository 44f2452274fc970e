"""Floor 3: networks, losses, training and prediction; the only floor that imports torch."""
