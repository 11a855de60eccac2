"""Dataclasses whose arrays cannot be written."""


def freeze(instance, **arrays):
    """Store arrays that cannot be written in a frozen dataclass."""
    for name, array in arrays.items():
        array.flags.writeable = False
        object.__setattr__(instance, name, array)
