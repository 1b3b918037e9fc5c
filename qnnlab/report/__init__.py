"""Notebooks, their exhibits, and the report made of them: a static site and a PDF."""
