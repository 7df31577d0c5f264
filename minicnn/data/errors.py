"""The one exception of this package."""

from __future__ import annotations


class DataError(RuntimeError):
    """A data set is missing, damaged or not what it says it is.

    The message names the file, says what is wrong with it and what to do. A data set is read whole
    or not at all: where this is raised, nothing was returned and no partial file was left behind.
    """
