"""Spanning trees and tours of trees: enumeration of all trees, walks counted edge by edge."""

import itertools

import numpy as np
import pytest
from openblackbox.meanfield.trees import spanning_tree, tree_tour


def random_tree(n, rng):
    """Edges of a random tree on 0, ..., n - 1, shuffled and turned."""
    names = rng.permutation(n)
    edges = np.array([[names[i], names[rng.integers(i)]] for i in range(1, n)]).reshape(-1, 2)
    return rng.permuted(rng.permutation(edges), axis=1)


def tree_path(edges, start, end):
    """The edges between two vertices of a tree, by search."""
    edges = [tuple(edge) for edge in edges]
    paths, todo = {start: ()}, [start]
    while todo:
        vertex = todo.pop()
        for number, edge in enumerate(edges):
            if vertex in edge:
                other = edge[1] if edge[0] == vertex else edge[0]
                if other not in paths:
                    paths[other] = (*paths[vertex], number)
                    todo.append(other)
    return paths[end]


@pytest.mark.parametrize("m, p", [(2, 1), (5, 2), (6, 1), (6, 3)])
def test_spanning_trees_by_enumeration(m, p):
    points = np.random.default_rng([m, p]).standard_normal((m, p))
    edges, lengths = spanning_tree(points)
    assert lengths == pytest.approx(
        np.linalg.norm(points[edges[:, 0]] - points[edges[:, 1]], axis=1)
    )
    assert np.all(np.diff(lengths) >= 0)
    best = {1: np.inf, 2: np.inf}
    for chosen in itertools.combinations(itertools.combinations(range(m), 2), m - 1):
        reached = {0}
        for _ in range(m):
            reached |= {b for a in chosen if reached & set(a) for b in a}
        if len(reached) == m:
            sizes = [np.linalg.norm(points[a] - points[b]) for a, b in chosen]
            for power in best:
                best[power] = min(best[power], sum(s**power for s in sizes))
    for power, least in best.items():
        assert (lengths**power).sum() == pytest.approx(least, rel=1e-12)


def test_spanning_trees_of_equal_points():
    edges, lengths = spanning_tree(np.ones((5, 2)))
    assert len(edges) == 4
    assert lengths.tolist() == [0] * 4
    assert sorted(tree_tour(edges).tolist()) == list(range(5))
    assert spanning_tree([[3.0]])[0].shape == (0, 2)
    assert spanning_tree([[0.0], [0.0], [2.0]])[1].tolist() == [0, 2]
    with pytest.raises(ValueError, match="points: expected 2 axes"):
        spanning_tree([1.0, 2.0])


@pytest.mark.parametrize("seed", range(4))
@pytest.mark.parametrize("n", [1, 2, 3, 4, 9, 40])
def test_tours_make_steps_of_three_edges_and_use_each_edge_twice(n, seed):
    rng = np.random.default_rng([n, seed])
    edges = random_tree(n, rng)
    root = int(edges[0, 0]) if n > 1 else 0
    tour = tree_tour(edges, root=root)
    assert sorted(tour.tolist()) == list(range(n))
    assert tour[0] == root
    if n > 1:
        steps = [tree_path(edges, a, b) for a, b in zip(tour, np.roll(tour, -1), strict=True)]
        assert max(map(len, steps)) <= 3
        used = np.bincount(np.concatenate(steps).astype(int), minlength=n - 1)
        assert used.tolist() == [2] * (n - 1)


def test_tours_by_hand():
    assert tree_tour(np.zeros((0, 2)), root=7).tolist() == [7]
    assert tree_tour([[3, 5]], root=5).tolist() == [5, 3]
    star = [[0, 1], [0, 2], [0, 3]]
    assert tree_tour(star).tolist() == [0, 1, 2, 3]
    path = np.column_stack([np.arange(3000), np.arange(1, 3001)])
    assert np.abs(np.diff(tree_tour(path))).max() == 2  # long trees need no recursion


@pytest.mark.parametrize("edges", [[[0, 1], [1, 2], [2, 0]], [[0, 1], [2, 3]], [[1, 2]], [[0, 0]]])
def test_what_is_no_tree(edges):
    with pytest.raises(ValueError, match="edges: expected those of a tree"):
        tree_tour(edges)


@pytest.mark.parametrize("edges", [[[0, 1, 2]], [[0.0, 1.5]], [[0, 1, 1, 2]]])
def test_what_are_no_pairs_of_integers(edges):
    with pytest.raises(ValueError, match="edges: expected n - 1 pairs of integers"):
        tree_tour(edges)


def test_no_root():
    with pytest.raises(ValueError, match="root: expected"):
        tree_tour([[0, 1]], root=-1)
