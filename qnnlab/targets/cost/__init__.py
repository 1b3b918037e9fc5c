"""Cost models: latency and energy of one inference, fitted on published results, with intervals."""
