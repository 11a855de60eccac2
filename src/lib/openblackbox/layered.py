"""What every network made of layers can tell about itself, however it stores its weights."""


class LayeredNetwork:
    """Sizes, type and activation pattern, from ``weights`` and ``preactivations``."""

    @property
    def widths(self):
        """The number of neurons of every level, (n_0, ..., n_L)."""
        return (self.n_inputs, *(weight.shape[0] for weight in self.weights))

    @property
    def n_inputs(self):
        """The number of inputs, n_0."""
        return self.weights[0].shape[1]

    @property
    def n_outputs(self):
        """The number of outputs, n_L."""
        return self.weights[-1].shape[0]

    @property
    def n_layers(self):
        """The number of weight matrices, L."""
        return len(self.weights)

    @property
    def dtype(self):
        """The floating type of the parameters and of every answer."""
        return self.weights[0].dtype

    def activation_pattern(self, x):
        r"""Return :math:`1\{z_\ell(x) > 0\}` for the hidden levels: L - 1 boolean arrays."""
        return tuple(z > 0 for z in self.preactivations(x)[:-1])
