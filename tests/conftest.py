"""What tests of several packages are given."""

import pytest
from fakes.ca import Authority


@pytest.fixture(scope="session")
def authority(tmp_path_factory: pytest.TempPathFactory) -> Authority:
    """Signs certificates: of servers, and ours."""
    return Authority(tmp_path_factory.mktemp("authority"))
