"""Shortest ways on small drawn grounds, with costs counted by hand."""

import numpy as np

from mcproxy.blocks import ID
from mcproxy.engine.ground_distance import DIAGONAL, STRAIGHT, UNREACHABLE, distances, ground, next_column


def drawn(*rows):
    """Digits are ground heights; rows run along z, columns along x."""
    return np.array([[int(c) for c in row] for row in rows], dtype=np.int16).T


def test_straight_and_diagonal_steps_cost_five_and_seven():
    field = distances(drawn("111", "111", "111"), np.array([[0, 0]]), 0)
    assert field[2, 0] == 2 * STRAIGHT and field[2, 2] == 2 * DIAGONAL and field[2, 1] == STRAIGHT + DIAGONAL


def test_a_wall_is_walked_around_and_a_low_one_is_jumped_only_when_climbing_is_allowed():
    heights = drawn("111", "221", "111")
    source = np.array([[0, 0]])
    assert distances(heights, source, 0)[0, 2] == 6 * STRAIGHT  # corners are not cut
    assert distances(heights, source, 1)[0, 2] == 2 * STRAIGHT


def test_closed_in_columns_are_unreachable():
    assert distances(drawn("191", "999", "191"), np.array([[0, 0]]), 1)[2, 2] == UNREACHABLE


def test_a_pillar_is_entered_straight_and_the_way_down_the_field_ends_in_it():
    heights = drawn("1111", "1114", "1111")
    field = distances(heights, np.array([[3, 1]]), 0)
    assert field[2, 1] == STRAIGHT and field[2, 0] == 2 * STRAIGHT
    way = [(0, 1)]
    while field[way[-1]] > 0:
        way.append(next_column(heights, field, *way[-1], 0))
    assert way == [(0, 1), (1, 1), (2, 1), (3, 1)]


def test_ground_is_the_top_of_the_highest_solid_block():
    blocks = np.zeros((2, 5, 1), dtype=np.uint8)
    blocks[:, 0] = ID["grass"]
    blocks[1, 3] = ID["stone"]
    assert ground(blocks)[:, 0].tolist() == [1, 4]
