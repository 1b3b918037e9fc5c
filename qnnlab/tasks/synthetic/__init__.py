"""Generators of the offline data sets: numpy and scipy, a seed in, the same arrays out."""
