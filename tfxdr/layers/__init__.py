"""Keras layers that backbones and models share."""

from tfxdr.layers.routed_block import RoutedBlock

__all__ = ["RoutedBlock"]
