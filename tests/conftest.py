"""Fixtures that e2e and compat tests share."""
import os
import signal

import pytest

from harness.cluster import TEPUI, Cluster
from harness.scheduler import Scheduler

# A shell that runs tests in the background has them ignore SIGINT, and so would what they start and interrupt.
signal.signal(signal.SIGINT, signal.default_int_handler)


def pytest_sessionstart(session):
    # Containers need cgroups and namespaces; a run without them would prove nothing.
    if os.geteuid() != 0:
        pytest.exit("these tests start containers and need root: run ./dev test as root", returncode=3)
    if not TEPUI.exists():
        pytest.exit(f"{TEPUI} is missing: run ./dev build release", returncode=3)


@pytest.fixture
def cluster():
    """One master and one agent."""
    with Cluster() as running:
        yield running


@pytest.fixture(scope="module")
def shared_cluster():
    """One master and one agent for all tests of a module that leave them as they found them."""
    with Cluster() as running:
        yield running


@pytest.fixture
def scheduler(shared_cluster):
    """A framework of its own for the test, which takes its tasks along."""
    framework = Scheduler(shared_cluster.port)
    yield framework
    framework.teardown()
    framework.close()
