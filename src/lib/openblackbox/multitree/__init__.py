"""Multitree perceptrons: their structure, their factorization, their recovery from queries."""
