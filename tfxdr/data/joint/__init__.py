"""Labelled examples of both domains, and batches of them."""
