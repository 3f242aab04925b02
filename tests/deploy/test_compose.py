"""deploy/compose.yaml and what it mounts. No Docker is needed: its schema, promises and paths are checked."""

from __future__ import annotations

import json
import re
import subprocess
import sys
from pathlib import Path
from typing import Any

import check_jsonschema
import jsonschema
import pytest
import yaml

from grafana.dashboards import FOLDER
from router.routing.rulebook import open_rules
from router.settings import Settings
from tests.prometheus import RULES

ROOT = Path(__file__).parents[2]
DEPLOY = ROOT / "deploy"
COMPOSE = yaml.safe_load((DEPLOY / "compose.yaml").read_text())
SERVICES: dict[str, dict[str, Any]] = COMPOSE["services"]
PROVISIONING = DEPLOY / "grafana" / "provisioning"
MOUNTS = [
    (service, *volume.split(":")[:2])
    for service, told in SERVICES.items()
    for volume in told.get("volumes", ())
    if volume.startswith(".")
]


def test_it_holds_against_the_schema_of_compose_files() -> None:
    vendored = Path(check_jsonschema.__file__).parent / "builtin_schemas" / "vendor" / "compose-spec.json"
    schema = json.loads(vendored.read_text())
    validator = jsonschema.Draft202012Validator(schema)
    validator.validate(COMPOSE)
    broken = {**COMPOSE, "services": {"signalbox": {"imagine": "x"}}}
    assert not validator.is_valid(broken)


def test_all_that_is_promised_is_there() -> None:
    assert SERVICES.keys() == {"signalbox", "redis", "prometheus", "grafana", "phoenix"}
    assert [name for name, service in SERVICES.items() if "profiles" in service] == ["phoenix"]


@pytest.mark.parametrize("name", SERVICES)
def test_no_port_is_open_to_other_machines(name: str) -> None:
    for port in SERVICES[name].get("ports", ()):
        assert re.fullmatch(r"127\.0\.0\.1:\d+:\d+", port), port
    assert "network_mode" not in SERVICES[name]


@pytest.mark.parametrize("name", SERVICES)
def test_no_service_can_do_more_than_it_must(name: str) -> None:
    service = SERVICES[name]
    assert service["cap_drop"] == ["ALL"] and service["security_opt"] == ["no-new-privileges:true"]
    assert not service.get("privileged") and service.get("user") != "root"
    assert service["logging"]["options"].keys() == {"max-size", "max-file"}


def test_signalbox_has_a_read_only_root_and_writes_where_it_must() -> None:
    service = SERVICES["signalbox"]
    assert service["read_only"] is True
    assert any(volume.endswith(":/data") for volume in service["volumes"])
    assert service["tmpfs"][0].startswith("/tmp:")


def test_no_password_or_key_has_a_default() -> None:
    text = (DEPLOY / "compose.yaml").read_text()
    wanted = re.findall(r"\$\{(\w+):\?[^}]+\}", text)
    assert set(wanted) == {"SIGNALBOX_ADMIN_KEY", "SIGNALBOX_KEYS", "GRAFANA_PASSWORD"}
    for name, value in re.findall(r"(\w*(?:PASSWORD|KEYS|SECRET|TOKEN)\w*): (.+)", text):
        assert ":?" in value, name
    for name, default in re.findall(r"\$\{(\w+):-([^}]*)\}", text):
        assert default == "" or (name, default) in (("SIGNALBOX_WORKERS", "1"), ("SIGNALBOX_EXTRAS", "otel")), name
    assert SERVICES["grafana"]["environment"]["GF_AUTH_ANONYMOUS_ENABLED"] == "false"


def test_clients_and_admins_have_keys_of_their_own() -> None:
    told = SERVICES["signalbox"]["environment"]
    for name in ("SIGNALBOX_KEYS", "SIGNALBOX_ADMIN_KEY"):
        assert told[name].startswith(f"${{{name}:?")
        assert name.removeprefix("SIGNALBOX_").lower() in Settings.model_fields


@pytest.mark.parametrize("name", [name for name in SERVICES if name != "signalbox"])
def test_each_image_is_pinned_and_its_health_is_looked_at(name: str) -> None:
    assert re.search(r":[\w.-]*\d+\.\d+", SERVICES[name]["image"])
    assert SERVICES[name]["healthcheck"]["test"][0] == "CMD"


def test_who_waits_for_whom_can_be_waited_for() -> None:
    dockerfile = (DEPLOY / "Dockerfile").read_text()
    for service in SERVICES.values():
        for other in service.get("depends_on", {}):
            assert "healthcheck" in SERVICES[other] or (other == "signalbox" and "HEALTHCHECK" in dockerfile)


def test_redis_is_on_a_network_that_nobody_else_is_on() -> None:
    assert SERVICES["redis"]["networks"] == ["cache"] and COMPOSE["networks"]["cache"]["internal"] is True
    assert [name for name, service in SERVICES.items() if "cache" in service["networks"]] == ["signalbox", "redis"]


@pytest.mark.parametrize(("service", "source", "target"), MOUNTS)
def test_what_is_mounted_is_there(service: str, source: str, target: str) -> None:
    assert (DEPLOY / source).is_dir()


def test_each_named_volume_is_declared_and_used() -> None:
    used = {
        volume.split(":")[0]
        for service in SERVICES.values()
        for volume in service.get("volumes", ())
        if not volume.startswith(".")
    }
    assert used == COMPOSE["volumes"].keys()


def test_prometheus_reads_what_is_mounted_and_asks_signalbox_with_its_key() -> None:
    config = yaml.safe_load((RULES / "prometheus.yaml").read_text())
    assert f"--config.file={_target('prometheus', RULES)}/prometheus.yaml" in SERVICES["prometheus"]["command"]
    assert all((RULES / name).is_file() for name in config["rule_files"])
    (job,) = [job for job in config["scrape_configs"] if job["job_name"] == "signalbox"]
    assert job["static_configs"] == [{"targets": ["signalbox:4000"]}]
    secret = job["authorization"]["credentials_file"].removeprefix("/run/secrets/")
    assert SERVICES["prometheus"]["secrets"] == [secret] == list(COMPOSE["secrets"])
    assert COMPOSE["secrets"][secret] == {"environment": "SIGNALBOX_ADMIN_KEY"}
    assert _together("prometheus", "signalbox")


def test_grafana_finds_its_source_and_the_dashboards() -> None:
    assert _target("grafana", PROVISIONING) == "/etc/grafana/provisioning"
    (source,) = yaml.safe_load((PROVISIONING / "datasources" / "prometheus.yaml").read_text())["datasources"]
    assert (source["type"], source["url"]) == ("prometheus", "http://prometheus:9090")
    assert source["isDefault"] is True and _together("grafana", "prometheus")
    every = yaml.safe_load((RULES / "prometheus.yaml").read_text())["global"]["scrape_interval"]
    assert source["jsonData"]["timeInterval"] == every
    (provider,) = yaml.safe_load((PROVISIONING / "dashboards" / "files.yaml").read_text())["providers"]
    assert provider["type"] == "file" and provider["options"]["path"] == _target("grafana", FOLDER)
    home = SERVICES["grafana"]["environment"]["GF_DASHBOARDS_DEFAULT_HOME_DASHBOARD_PATH"]
    assert (FOLDER / Path(home).name).is_file() and home.startswith(_target("grafana", FOLDER))


@pytest.mark.parametrize("environment", [{}, {"OPENAI_API_KEY": "a", "ANTHROPIC_API_KEY": "b"}])
def test_the_rules_to_start_from_are_valid_and_where_the_image_looks(environment: dict[str, str]) -> None:
    rulebook = open_rules(DEPLOY / "rules" / "rules.yaml", environment)
    assert rulebook.facts.keys() >= {"llama-cpp", "ollama"}
    assert f"SIGNALBOX_RULES={_target('signalbox', DEPLOY / 'rules')}/rules.yaml" in (DEPLOY / "Dockerfile").read_text()


def test_the_rules_to_start_from_hold_their_own_tests() -> None:
    command = [sys.executable, "-m", "router.cli", "test", str(DEPLOY / "rules" / "rules.yaml")]
    done = subprocess.run(command, cwd=ROOT, env={"PATH": "/usr/bin:/bin"}, capture_output=True, text=True, timeout=30)
    assert done.returncode == 0, done.stdout + done.stderr


def _target(service: str, source: Path) -> str:
    """Where a folder is mounted."""
    (found,) = [to for name, path, to in MOUNTS if name == service and (DEPLOY / path).resolve() == source.resolve()]
    return str(found)


def _together(one: str, other: str) -> bool:
    """Whether two services share a network."""
    return bool(set(SERVICES[one]["networks"]) & set(SERVICES[other]["networks"]))
