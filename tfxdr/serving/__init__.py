"""Answers for users: recommendations from a trained model."""
