"""Preparation by Apache Spark; needs the extra `tfxdr[spark]` and Java."""
