r"""Dyadic butterflies: their compact form, their fast products, their fast factorization.

The supports are :math:`S_l = I_{2^{L-l}} \otimes 1_{2 \times 2} \otimes I_{2^{l-1}}`, first layer
first.
"""

from openblackbox.multitree.butterfly_factorization import ButterflyFit, factorize_butterfly
from openblackbox.multitree.butterfly_form import Butterfly, butterfly_supports

__all__ = ["Butterfly", "ButterflyFit", "butterfly_supports", "factorize_butterfly"]
