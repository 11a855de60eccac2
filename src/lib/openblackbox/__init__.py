"""Opening the Black Box: the library of an executable book on sparse neural networks.

The core imports with numpy and scipy alone. Parts of the book are subpackages of the same name.
"""

__version__ = "0.1.0"
