r"""The maximum of a sum of ReLUs on circles and on the sphere, by the arrangement of their kinks.

The work behind `openblackbox.relu_supremum.relu_sup` in dimensions 2 and 3. The kinks of

.. math:: h(u) = b \cdot u + \sum_i c_i\,(u \cdot z_i)_+

are the points or great circles :math:`u \cdot z_i = 0`. They cut the circle into arcs and the
sphere into cells on which h is linear, :math:`h(u) = g \cdot u`. With
:math:`G = 2 b + \sum_i c_i z_i` the gradient of the opposite cell is :math:`G - g`.
"""

import numpy as np

PARALLEL = 1e-12  # unit vectors at this distance are one
BATCH = 256  # candidates that are evaluated together
BLOCK = 8192  # points around the circles that are handled together: they fit in the cache


class Circles:
    r"""Points of the plane, sorted by the angle of their kinks; a row for each of m circles.

    Parameters
    ----------
    x, y : numpy.ndarray, shape (m, n)
        The coordinates of the points of each circle. No point is (0, 0).

    Notes
    -----
    A point in the lower half-plane is replaced by its opposite, as
    :math:`(-t)_+ = (t)_+ - t`. Along the half circle that starts at angle -90 degrees the
    points then become active one after the other, in the order of their angles, at
    :math:`u_s = (y_s, -x_s) / |(x_s, y_s)|`. The sort is the only work of order n log n, and it
    serves all weights.
    """

    def __init__(self, x, y):
        """Sort the kinks of each circle."""
        flip = (y < 0) | ((y == 0) & (x < 0))
        x, y = np.where(flip, -x, x), np.where(flip, -y, y)
        self.order = np.argsort(np.arctan2(y, x), axis=1)
        self.x, self.y, self.flip = (self.sort(a) for a in (x, y, flip))
        self.sign = np.where(self.flip, -1.0, 1.0)
        length = np.hypot(self.x, self.y)
        self.kinks = self.y / length, -self.x / length
        # The arc that starts at kink s ends at kink s + 1; the last one at the opposite of the
        # first.
        self.next_x, self.next_y = self.following(self.x), self.following(self.y)

    def sort(self, a):
        """Bring one row for each circle into the order of the kinks."""
        return np.take_along_axis(a, self.order, axis=1)

    @staticmethod
    def following(a):
        """Return the entry of the next kink; after the last comes the opposite of the first."""
        return np.concatenate([a[:, 1:], -a[:, :1]], axis=1)

    def gradients(self, weights, flipped):
        r"""Return one coordinate of the gradients on the arcs of half the circle.

        ``weights`` and ``flipped``, the coordinates after the flip, are in the order of the kinks.
        """
        mass = weights * flipped
        return np.cumsum(mass, axis=1) - (mass * self.flip).sum(axis=1, keepdims=True)

    def best(self, gx, gy, total):
        r"""Return the largest :math:`|h|` over all circles: its value, circle and direction.

        On an arc, h is largest at an end or where the arc contains the direction of :math:`\pm g`;
        both half circles are looked at together, by the gradients g and total - g.
        """
        ux, uy = self.kinks
        values = gx * ux + gy * uy
        opposite = values - (total[0] * ux + total[1] * uy)
        np.maximum(np.abs(values), np.abs(opposite), out=values)
        at = np.unravel_index(values.argmax(), values.shape)
        best = values[at], at[0], np.array([ux[at], uy[at]])
        for hx, hy in ((gx, gy), (total[0] - gx, total[1] - gy)):
            norms = hx * hx + hy * hy
            where = np.nonzero(norms > best[0] ** 2)
            hx, hy, norms = hx[where], hy[where], norms[where]
            left = self.x[where] * hx + self.y[where] * hy
            right = self.next_x[where] * hx + self.next_y[where] * hy
            # The direction of +g is in the arc if left >= 0 >= right, that of -g if the reverse.
            inside = np.flatnonzero((left <= 0) != (right <= 0)) if len(norms) else norms
            if len(inside):
                i = inside[norms[inside].argmax()]
                norm = np.sqrt(norms[i])
                best = norm, where[0][i], np.array([hx[i], hy[i]]) / norm
        return best


class Plane:
    r"""The arrangement of points of the plane: the circle is cut by its 2n kinks.

    Parameters
    ----------
    points : numpy.ndarray, shape (n, 2)
        No row is zero.
    """

    def __init__(self, points):
        """Sort the kinks."""
        self.circle = Circles(points[None, :, 0], points[None, :, 1])

    def direction(self, weights):
        r"""Return a unit u or -u at which :math:`|h|` is largest."""
        circle = self.circle
        weights = weights[circle.order]
        g = [circle.gradients(weights, flipped) for flipped in (circle.x, circle.y)]
        signed = weights * circle.sign
        total = [(signed * flipped).sum() for flipped in (circle.x, circle.y)]
        return circle.best(*g, total)[2]


class Space:
    r"""The arrangement of points of the space: the sphere is cut by n great circles.

    Parameters
    ----------
    points : numpy.ndarray, shape (n, 3)
        No row is zero, and the rank is 3.

    Notes
    -----
    Rows that are parallel, up to `PARALLEL`, share one great circle.
    """

    def __init__(self, points):
        """Merge parallel rows and sort the kinks on each great circle."""
        self.points, self.lengths = points, np.linalg.norm(points, axis=1)
        units = points / self.lengths[:, None]
        products = units @ units.T
        # The distance to the nearer of two opposite vectors, without loss of digits.
        near = 1 - np.abs(products) < PARALLEL
        rows, columns = np.nonzero(near)
        gaps = units[rows] - np.sign(products[rows, columns])[:, None] * units[columns]
        near[rows, columns] = np.linalg.norm(gaps, axis=1) <= PARALLEL
        first = near.argmax(axis=1)
        while (first != first[first]).any():
            first = first[first]
        kept, self.label = np.unique(first, return_inverse=True)
        self.opposite = (units * units[first]).sum(axis=1) < 0
        self.normals = units[kept]
        n = len(kept)
        step = max(1, BLOCK // n)
        self.blocks = [
            _Block(self.normals, np.arange(i, min(i + step, n))) for i in range(0, n, step)
        ]

    def direction(self, weights):
        r"""Return a unit u or -u at which :math:`|h|` is largest."""
        b = (weights * self.opposite) @ self.points
        c = np.bincount(self.label, weights * self.lengths, len(self.normals))
        total = 2 * b + c @ self.normals
        edges = [block.edges(b, c, total) for block in self.blocks]
        value, u = max((edge[:2] for edge in edges), key=lambda pair: pair[0])
        gradients = [
            block.cells(g, c, total, value)
            for block, (*_, g) in zip(self.blocks, edges, strict=True)
        ]
        return self._largest(np.concatenate(gradients), b, c, value, u)

    def _largest(self, gradients, b, c, value, u):
        """Evaluate h in the directions of gradients, the longest first, until none can win."""
        total = 2 * b + c @ self.normals
        norms = np.linalg.norm(gradients, axis=1)
        order = norms.argsort()[::-1]
        for start in range(0, len(order), BATCH):
            batch = order[start : start + BATCH]
            batch = batch[norms[batch] > value]
            if not len(batch):
                break
            directions = gradients[batch] / norms[batch, None]
            inner = directions @ self.normals.T
            ahead = np.maximum(inner, 0, out=inner) @ c + directions @ b
            behind = ahead - directions @ total
            values = np.maximum(np.abs(ahead), np.abs(behind))
            i = values.argmax()
            if values[i] > value:
                value, u = values[i], directions[i]
        return u


class _Block:
    """Some of the great circles, with coordinates of their own, and the points around each."""

    def __init__(self, normals, rows):
        """Choose coordinates for each great circle and sort the other points around it."""
        self.rows, normal = rows, normals[rows]
        axes = np.eye(3)[np.abs(normal).argmin(axis=1)]
        a = np.cross(normal, axes)
        a /= np.linalg.norm(a, axis=1, keepdims=True)
        self.frames = np.stack([a, np.cross(normal, a), normal], axis=1)
        others = np.arange(len(normals) - 1)
        others = others + (others >= rows[:, None])
        x, y, height = (
            np.take_along_axis(part @ normals.T, others, axis=1)
            for part in self.frames.swapaxes(0, 1)
        )
        self.circles = circles = Circles(x, y)
        self.others = circles.sort(others)
        self.height = circles.sort(height) * circles.sign
        self.next_height = circles.following(self.height)

    def edges(self, b, c, total):
        """Return the largest value on the circles, where it is, and the gradients around them."""
        circles, on_circle = self.circles, c[self.others]
        # Vectors in the coordinates of each circle, as columns.
        shift, total = ((self.frames @ vector).T[:, :, None] for vector in (b, total))
        g = [
            circles.gradients(on_circle, flipped) + part
            for flipped, part in zip((circles.x, circles.y, self.height), shift, strict=True)
        ]
        value, circle, direction = circles.best(*g[:2], total)
        return value, direction @ self.frames[circle, :2], g

    def cells(self, g, c, total, value):
        """Return the gradients longer than value that three edges of their cell let pass."""
        gx, gy, gz = g
        total = (self.frames @ total).T[:, :, None]
        found = []
        for side, z in ((1, gz + c[self.rows, None]), (-1, gz)):
            for h in ((gx, gy, z), (total[0] - gx, total[1] - gy, total[2] - z)):
                found.append(self._inside(h, side, value))
        return np.concatenate(found)

    def _inside(self, h, side, value):
        """Return the gradients h of cells on one side of the circles that may win."""
        norms = h[0] * h[0]
        norms += h[1] * h[1]
        norms += h[2] * h[2]
        where = np.flatnonzero(norms > value**2)
        hx, hy, hz = (part.ravel()[where] for part in h)
        circles = self.circles
        ends = (
            (circles.x, circles.y, self.height),
            (circles.next_x, circles.next_y, self.next_height),
        )
        left, right = (
            x.ravel()[where] * hx + y.ravel()[where] * hy + height.ravel()[where] * hz
            for x, y, height in ends
        )
        above = side * hz
        keep = ((left >= 0) & (right <= 0) & (above >= 0)) | (
            (left <= 0) & (right >= 0) & (above <= 0)
        )
        local = np.stack([hx[keep], hy[keep], hz[keep]], axis=1)
        return np.einsum("ij,ijk->ik", local, self.frames[where[keep] // norms.shape[1]])
