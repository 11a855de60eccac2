"""Foundations: gradients, stochastic descent, homogeneity, generalization, approximation."""
