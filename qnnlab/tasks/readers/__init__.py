"""Readers of real data sets in their genuine formats."""
