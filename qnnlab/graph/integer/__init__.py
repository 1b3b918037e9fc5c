"""Networks in integers alone: model, execution, files."""
