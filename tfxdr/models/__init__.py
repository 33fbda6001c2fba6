"""Keras models: what a stage trains."""
