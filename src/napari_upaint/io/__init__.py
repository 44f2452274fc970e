"""Floor 2: images and model files, in and out."""
