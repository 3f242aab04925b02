"""The dashboards, made from Python: `python -m grafana` writes `grafana/json/`. `router` imports nothing from here."""
