"""One thread for all tests of the engine: networks this small wait for each other longer than they compute."""

import torch

from napari_upaint.engine.threads import all_threads

torch.set_num_threads(1)
all_threads()  # asked once and remembered
