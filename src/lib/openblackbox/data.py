"""Where the tables of the book are: in the repository, or installed with the package."""

import sysconfig
from pathlib import Path

__all__ = ["data_path"]

REPOSITORY = Path(__file__).resolve().parents[3] / "book" / "data"


def _places():
    """List the folders that may hold the tables, the repository's first."""
    return [REPOSITORY, Path(sysconfig.get_path("data")) / "share" / "openblackbox" / "data"]


def data_path(name: str) -> Path:
    """Find a table of the book.

    Parameters
    ----------
    name : str
        The name of a file of ``book/data``, such as ``"shallow-queries.csv"``.

    Returns
    -------
    pathlib.Path
        Where the file is: in the repository that the package was installed from, or else where
        the installed package keeps its data. A chapter reads its tables through this function, so
        that a downloaded notebook finds them too.

    Raises
    ------
    ValueError
        If `name` is no plain file name.
    FileNotFoundError
        If there is no such table.

    Notes
    -----
    Used in every chapter that has a study.

    Examples
    --------
    >>> data_path("shallow-queries.csv").name
    'shallow-queries.csv'
    """
    if not isinstance(name, str) or Path(name).name != name or name in {"", "..", "."}:
        raise ValueError(f"name: expected a file name without folders, got {name!r}")
    for folder in _places():
        if (folder / name).is_file():
            return folder / name
    known = sorted(path.name for folder in _places() for path in folder.glob("*.csv"))
    raise FileNotFoundError(f"name: no table {name!r}, there are {', '.join(known) or 'none'}")
