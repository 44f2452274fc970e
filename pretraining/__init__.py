"""The recipe of the bundled weights: real images with labels in, a model file out.

One question for all kinds of microscopy: background, object, or border between objects.
"""
