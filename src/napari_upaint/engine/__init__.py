"""Floor 3: networks, losses, training and prediction; the only floor that imports torch."""

import os

# Torch's threads meet at a barrier a hundred times a step. Spinning there, as is their habit, they take the core from
# the very thread they wait for when anything else is running: steps became ten times slower. Asleep they do not.
# To be said before torch is loaded.
os.environ.setdefault("OMP_WAIT_POLICY", "PASSIVE")
# What torch has not yet made for Apple's graphics chips is computed by the processor instead of ending the training.
os.environ.setdefault("PYTORCH_ENABLE_MPS_FALLBACK", "1")
