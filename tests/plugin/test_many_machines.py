"""Several processes draw for one gate, on PostgreSQL, and some of them die."""

from __future__ import annotations

import json
import os
import subprocess
import sys
from collections import Counter
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import psycopg
import pytest

from harness.store import Store
from tests import warm
from tests.loopback import Loopback, Options
from tests.plugin.projects import Project
from tests.store.postgres import Cluster, NewUrl, server_programs
from tests.waiting import wait_until

pytestmark = pytest.mark.service

DRIVER = Path(__file__).parents[2] / "docs" / "examples" / "many-machines" / "ray_driver.py"
CASES, IN_FLIGHT = 200, 8
BODY = "return model.ask(case.prompt) == 'yes'"


@pytest.fixture
def server() -> Iterator[Loopback]:
    """One whose answers take as long as it takes to see that they are waited for."""
    loopback = Loopback(Options(default="yes", latency_s=0.2))
    yield loopback
    loopback.stop()


def of_server(pytester: pytest.Pytester, server: Loopback, url: str, in_flight: int = IN_FLIGHT) -> Project:
    """A project of one evaluation, on a store at this address."""
    project = Project(pytester)
    project.versions = {"now": {"engine": "openai", **server.settings()}}
    project.settings |= {"samples": 1, "store": url, "concurrency": in_flight}
    project.body(BODY, cases=CASES, threshold=0.5, design="fixed")
    project.configure()
    return project


def start(project: Project, *arguments: str, environment: dict[str, str] | None = None) -> warm.Process:
    """Start pytest in the project, beside others; what it writes is in a file of its number."""
    own = f"runs/{len([*project.path.glob('runs/*')])}"
    (project.path / "runs").mkdir(exist_ok=True)
    command = ("-m", "pytest", "--basetemp", f"{own}.tmp", "--report-dir", f"{own}.report", *arguments)
    with (project.path / f"{own}.log").open("wb") as log:
        return warm.start(*command, cwd=project.path, env=environment, stdout=log, stderr=subprocess.STDOUT)


def asked(server: Loopback) -> Counter[str]:
    """How often each question came."""
    return Counter(body["messages"][-1]["content"] for body in server.received)


def stored(url: str) -> int:
    with Store.open(url, readonly=True) as store:
        return store.info().samples


def holds_leases(url: str, process: warm.Process) -> bool:
    """Tell whether a process draws."""
    with psycopg.connect(url) as connection:
        if connection.execute("SELECT to_regclass('steelyard_draw_leases')").fetchone() == (None,):
            return False
        query = "SELECT count(*) FROM steelyard_draw_leases WHERE holder LIKE %s"
        return connection.execute(query, [f"% {process.pid} %"]).fetchone() != (0,)


@pytest.mark.nightly
@pytest.mark.parametrize("is_killed", [False, True])
def test_two_workers_and_a_gate_at_once_pay_once(
    pytester: pytest.Pytester, server: Loopback, new_postgres_url: NewUrl, is_killed: bool
) -> None:
    url = new_postgres_url()
    project = of_server(pytester, server, url)
    victim, worker, gate = start(project, "--draw"), start(project, "--draw"), start(project)
    if is_killed:
        wait_until(lambda: holds_leases(url, victim))
        victim.kill()
    codes = [each.wait(120) for each in (victim, worker, gate)]
    assert codes == [-9 if is_killed else 0, 0, 0]
    assert stored(url) == len(asked(server)) == CASES
    twice = asked(server).total() - CASES
    assert twice <= (IN_FLIGHT if is_killed else 0)
    (report,) = project.path.glob("runs/*.report/report.json")
    assert [each["verdict"] for each in json.loads(report.read_text())["evaluations"]] == ["passed"]


@pytest.mark.nightly
def test_a_database_that_goes_away_ends_a_worker_and_the_next_goes_on(
    pytester: pytest.Pytester, server: Loopback
) -> None:
    programs = server_programs()
    if programs is None:
        pytest.skip("no PostgreSQL: apt-get install postgresql")
    with Cluster(programs) as database:
        project = of_server(pytester, server, database.url)
        worker = start(project, "--draw")
        wait_until(lambda: server.stats["choices"] >= 2 * IN_FLIGHT)
        database.stop()
        assert worker.wait(120) == 1
        assert "Run again once it can: what is stored is kept." in (project.path / "runs" / "0.log").read_text()
        database.start()
        assert start(project, "--draw").wait(120) == 0
        assert stored(database.url) == len(asked(server)) == CASES
        assert asked(server).total() - CASES <= 2 * IN_FLIGHT


@pytest.fixture
def ray_cluster() -> Iterator[tuple[Any, Any]]:
    """A Ray cluster of two nodes on this machine, and its second node."""
    from ray.cluster_utils import Cluster as RayCluster

    cluster = RayCluster(initialize_head=True, head_node_args={"num_cpus": 1, "include_dashboard": False})
    try:
        yield cluster, cluster.add_node(num_cpus=1)
    finally:
        cluster.shutdown()


@pytest.mark.nightly
def test_a_gate_is_decided_though_a_node_of_the_ray_cluster_died(
    pytester: pytest.Pytester, server: Loopback, new_postgres_url: NewUrl, ray_cluster: tuple[Any, Any]
) -> None:
    url, (cluster, node) = new_postgres_url(), ray_cluster
    project = of_server(pytester, server, url, in_flight=2)
    job = {"runtime_env": {"working_dir": str(project.path)}}  # as `ray job submit --working-dir .` hands it over
    environment = {**os.environ, "RAY_ADDRESS": cluster.address, "RAY_JOB_CONFIG_JSON_ENV_VAR": json.dumps(job)}
    command = [sys.executable, str(DRIVER), "test_it.py"]
    with (project.path / "driver.log").open("wb") as log:
        driver = subprocess.Popen(command, cwd=project.path, env=environment, stdout=log, stderr=subprocess.STDOUT)
    try:
        wait_until(lambda: driver.poll() is not None or server.stats["in_flight"] > 2)  # both nodes draw
        cluster.remove_node(node, allow_graceful=False)
        code = driver.wait(300)
    finally:
        driver.kill()
        driver.wait()
        print(written := (project.path / "driver.log").read_text())
    assert code == 0
    assert written.count(" is lost: ") == 1
    assert written.count(" ended with 0") == 1
    assert "GREEN: 1 passed" in written
    assert stored(url) == len(asked(server)) == CASES
    assert asked(server).total() - CASES <= 2
