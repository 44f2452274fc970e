"""The recipe of the bundled weights: real images with labels in, a model file out.

All networks are asked the same question, whatever the microscopy: background, object, or border between objects?
"""
