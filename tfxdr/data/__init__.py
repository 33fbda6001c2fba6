"""Prepared data: what is made of a data set once, and what trains on it."""
