"""Finding the tables of the book, in the repository and installed."""

import pytest
from openblackbox import data


def test_tables_of_the_repository_are_found():
    path = data.data_path("shallow-queries.csv")
    assert path == data.REPOSITORY / "shallow-queries.csv"
    assert path.read_text().count("\n") > 2


def test_installed_tables_are_found_without_a_repository(monkeypatch, tmp_path):
    installed = tmp_path / "share" / "openblackbox" / "data"
    installed.mkdir(parents=True)
    (installed / "table.csv").write_text("x\n1\n")
    monkeypatch.setattr(data, "REPOSITORY", tmp_path / "absent")
    monkeypatch.setattr(data.sysconfig, "get_path", lambda name: str(tmp_path))
    assert data.data_path("table.csv") == installed / "table.csv"
    with pytest.raises(FileNotFoundError, match=r"no table 'other.csv', there are table.csv"):
        data.data_path("other.csv")


@pytest.mark.parametrize("name", ["", "..", "../claims.yml", "folder/table.csv", None])
def test_names_with_folders_are_refused(name):
    with pytest.raises(ValueError, match="name"):
        data.data_path(name)
