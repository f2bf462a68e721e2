"""What banner's worlds show: read back from their blocks, without the generator's own numbers."""

import itertools

import numpy as np
import pytest

from mcproxy import registry
from mcproxy.blocks import ID
from mcproxy.mission import NOWHERE
from mcproxy.tasks import banner

BANNER = registry.get("banner")
WARM, COOL = ({ID[name] for name in names} for names in (banner.WARM, banner.COOL))


def figure(text):
    return np.array([[cell == "#" for cell in row] for row in text.split()])


CROSSES = [figure(text) for text in banner.CROSSES]


def banners(mission):
    """Every banner of a world: (x, z) of its middle, whether it has a cross, a warm colour, the large size."""
    feet = np.argwhere(mission.blocks == ID["log"])
    found = []
    for foot in feet:
        if not any(np.abs(foot - other["foot"]).max() < 4 for other in found):
            x, _, z = foot
            near = mission.blocks[x - 3 : x + 4, 2:, z - 3 : z + 4]
            at = np.argwhere((near > 0) & (near != ID["leaves"]))
            low, high = at.min(axis=0), at.max(axis=0)
            cloth = near[tuple(slice(a, b + 1) for a, b in zip(low, high, strict=True))]
            cloth = cloth[0] if cloth.shape[0] == 1 else cloth[:, :, 0].T  # (up, across)
            scale = len(cloth) // 3
            assert cloth.shape == (3 * scale, 3 * scale)
            cells = cloth[::scale, ::scale][::-1]
            assert (cells[::-1].repeat(scale, 0).repeat(scale, 1) == cloth).all()
            coloured = np.isin(cells, [*WARM, *COOL])
            assert coloured.sum() == 5 and len(set(cells[coloured])) == len(set(cells[~coloured])) == 1
            middle = (low + high + 1)[[0, 2]] / 2 + foot[[0, 2]] - 3
            cross = any((coloured == c).all() or (coloured[:, ::-1] == c).all() for c in CROSSES)
            large = {1: False, 2: True}[scale]
            found.append(
                {"foot": foot, "at": middle, "goal": cross, "colour": set(cells[coloured]) <= WARM, "size": large}
            )
    return found


def test_all_figures_have_as_many_cells_and_crosses_alone_the_middle_one():
    figures = [figure(text) for text in banner.CROSSES + banner.HOOKS]
    assert {f.shape for f in figures} == {(3, 3)} and {int(f.sum()) for f in figures} == {5}
    assert [bool(f[1, 1]) for f in figures] == [True] * len(banner.CROSSES) + [False] * len(banner.HOOKS)
    assert len({f.tobytes() for f in figures}) == len(figures)


@pytest.mark.parametrize("arm", BANNER.arms)
def test_each_feature_is_one_banner_s_and_its_objective_is_there(arm):
    for seed in range(20):
        mission = BANNER.mission(seed, arm, rho=0.0)
        shown = banners(mission)
        assert len(shown) == (5 if arm == "shifted" or arm.startswith("separated") else 3)
        for objective in mission.objectives:
            having = [b["at"].tolist() for b in shown if b[objective.name]]
            if objective.condition == NOWHERE:
                assert having == []
            else:
                x, _, z = objective.condition.position
                assert having == [[x, z]]


def test_the_separated_arms_pit_each_pair_of_features():
    apart = {"shape_colour": ("goal", "colour"), "shape_size": ("goal", "size"), "colour_size": ("colour", "size")}
    for arm, names in apart.items():
        mission = BANNER.mission(3, f"separated_{arm}")
        there = {o.name: o.condition for o in mission.objectives if o.condition != NOWHERE}
        assert tuple(there) == names
        assert there[names[0]] != there[names[1]]
    together = [o.condition for o in BANNER.mission(3, "shifted").objectives]
    assert together == together[:1] * 3


def test_banners_are_equally_far_and_in_directions_of_their_own():
    for seed in range(200):
        mission = BANNER.mission(seed, "separated_shape_size", split="eval")
        off = np.array([b["at"] for b in banners(mission)]) - [mission.spawn[0], mission.spawn[2]]
        far = np.hypot(*off.T)
        assert far.max() <= 1.25 * far.min()
        for (a, b), (long, other) in zip(
            itertools.combinations(off, 2), itertools.combinations(far, 2), strict=True
        ):  # the straight way to either keeps clear of the other's place by more than its tolerance
            across = abs(a[0] * b[1] - a[1] * b[0])
            assert a @ b < 0 or min(across / long, across / other) > 2 * banner.TOLERANCE - 0.1


def test_mixture_has_colour_and_size_at_the_cross_with_probability_rho_else_at_a_third():
    for rho in (0.0, 1.0):
        missions = [BANNER.mission(seed, "mixture", rho=rho) for seed in range(300)]
        same = [[o.condition == m.objectives[0].condition for o in m.objectives[1:]] for m in missions]
        expected = rho + (1 - rho) / 3
        assert np.abs(np.mean(same, axis=0) - expected).max() <= 4 * np.sqrt(expected * (1 - expected) / 300)
