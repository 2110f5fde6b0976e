"""The service that computes: guards its machine and runs a model on it."""
