"""Floor 3: networks, losses, training and prediction; the only floor that imports torch."""

import os

# Torch's threads meet at a barrier a hundred times per step. By default they spin there, and if another program is
# running they take the core from the very thread they wait for: steps became ten times slower. Sleeping threads do not.
# This must be set before torch is loaded.
os.environ.setdefault("OMP_WAIT_POLICY", "PASSIVE")
# Operations that torch lacks on Apple's graphics chips are computed by the processor instead of ending the training.
os.environ.setdefault("PYTORCH_ENABLE_MPS_FALLBACK", "1")
