from __future__ import annotations

import pytest

from net4ai.app.report.roles import Roles, natural


@pytest.mark.parametrize(
    ("name", "role"),
    [
        ("ue-1", "UE"), ("ue-1/3", "UE"), ("ran-2", "RAN node"), ("ran-1-app-server", "application server"),
        ("edge", "edge"), ("edge-app-server", "application server"), ("core", "core"), ("access-manager", "core"),
        ("application-controller", "application controller"), ("uemulator", "core"), ("", "core"),
    ],
)  # fmt: skip
def test_roles_by_name(name: str, role: str) -> None:
    assert Roles().of(name) == role


def test_the_topology_goes_before_the_name() -> None:
    roles = Roles([("north", "RAN node"), ("phones", "UE")])
    assert [roles.of("north"), roles.of("phones/7"), roles.is_ue("phones/7"), roles.is_ue("phones")] == [
        "RAN node", "UE", True, False,
    ]  # fmt: skip


def test_names_sort_as_people_count() -> None:
    names = ["ue-1/10", "ue-1/9", "ue-1", "ue-10/1", "2", "ran-1"]
    assert sorted(names, key=natural) == ["2", "ran-1", "ue-1", "ue-1/9", "ue-1/10", "ue-10/1"]
