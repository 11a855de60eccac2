"""Mean field: clouds of particles, their flow and its limits, and synchronization."""
