"""`python -m grafana`: write the dashboards' JSON anew."""

from __future__ import annotations

from grafana.dashboards import DASHBOARDS, FOLDER, as_json


def main() -> None:
    """Files that no dashboard has any more are removed."""
    FOLDER.mkdir(exist_ok=True)
    for dashboard in DASHBOARDS:
        dashboard.file.write_text(as_json(dashboard))
    for file in set(FOLDER.glob("*.json")) - {dashboard.file for dashboard in DASHBOARDS}:
        file.unlink()


main()
