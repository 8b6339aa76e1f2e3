"""What several tests of training need: a server that forks processes with torch imported."""

import pytest

from tests.training.kill_cases import server


@pytest.fixture(scope="session")
def forks():
    """Starts processes that train, in a fraction of a second."""
    with server() as running:
        yield running
