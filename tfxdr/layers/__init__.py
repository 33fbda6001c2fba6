"""Keras layers that backbones and models share."""
