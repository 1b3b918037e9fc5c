"""Post-training quantization, step by step: equalize, calibrate, round, correct."""
