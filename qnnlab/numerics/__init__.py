"""Pure numpy: quantizers, number formats and error measures. No TensorFlow, no files."""
