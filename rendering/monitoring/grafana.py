"""What Grafana reads: its settings, where its figures come from, and the dashboards.

Everything it shows is provisioned and nothing is kept: its database is in memory and made anew at every start. So there
is no volume to back up, and the administrator's password is always the one of the secret (Grafana otherwise looks at it
on its first day only).
"""

from __future__ import annotations

from rendering import render_yaml
from rendering.monitoring import dashboards
from rendering.monitoring.watched import Scope

PORT = 3000
DATA = "/var/lib/grafana"
"""Grafana writes here and nowhere else; nothing in it is worth keeping."""
ADMIN = "admin"
ADMIN_PASSWORD = "GRAFANA_ADMIN_PASSWORD"  # noqa: S105 - the name of a secret
"""Name of the secret that is the administrator's password."""
HEALTH = ("wget", "-q", "-O", "/dev/null", f"http://127.0.0.1:{PORT}/api/health")
"""Grafana's image has no check of its own."""

_FOLDER = "/etc/grafana"
_DASHBOARDS = f"{_FOLDER}/dashboards"
_ALERTMANAGER = "alertmanager"


def files(scope: Scope) -> dict[str, str]:
    """Path in the container -> text, dashboards included."""
    return {
        f"{_FOLDER}/grafana.ini": _ini(),
        f"{_FOLDER}/provisioning/datasources/sources.yaml": render_yaml(_sources()),
        f"{_FOLDER}/provisioning/dashboards/dashboards.yaml": render_yaml(_provider()),
        **{f"{_DASHBOARDS}/{name}": text for name, text in dashboards.render(scope).items()},
    }


def _ini() -> str:
    """Settings that differ from Grafana's own. It has no way out, so all that asks the internet is off; alerts are
    Prometheus', which Grafana shows and does not evaluate."""
    sections: dict[str, dict[str, str]] = {
        "server": {"http_port": str(PORT)},
        "security": {
            "admin_user": ADMIN,
            # Grafana reads the file itself; in an environment the password would be seen by whoever may inspect.
            "admin_password": f"$__file{{/run/secrets/{ADMIN_PASSWORD}}}",
            "disable_gravatar": "true",
            "cookie_samesite": "strict",
        },
        "users": {"allow_sign_up": "false", "allow_org_create": "false"},
        "auth.anonymous": {"enabled": "false"},
        "analytics": {
            "reporting_enabled": "false",
            "check_for_updates": "false",
            "check_for_plugin_updates": "false",
            "feedback_links_enabled": "false",
        },
        "news": {"news_feed_enabled": "false"},
        "plugins": {
            "preinstall_disabled": "true",
            "plugin_admin_enabled": "false",
            "public_key_retrieval_disabled": "true",
        },
        "snapshots": {"external_enabled": "false"},
        "unified_alerting": {"execute_alerts": "false"},
        "dashboards": {"default_home_dashboard_path": f"{_DASHBOARDS}/{dashboards.HOME}"},
        "log": {"mode": "console"},
        "log.console": {"format": "json"},
    }
    return "\n".join(
        "".join([f"[{name}]\n", *(f"{key} = {value}\n" for key, value in entries.items())])
        for name, entries in sections.items()
    )


def _sources() -> dict[str, object]:
    common = {"access": "proxy", "editable": False}
    return {
        "apiVersion": 1,
        "datasources": [
            {
                "name": "Prometheus",
                "uid": dashboards.PROMETHEUS,
                "type": "prometheus",
                "url": "http://prometheus:9090",
                "isDefault": True,
                "jsonData": {"httpMethod": "POST", "timeInterval": "15s", "alertmanagerUid": _ALERTMANAGER},
                **common,
            },
            {
                "name": "Alertmanager",
                "uid": _ALERTMANAGER,
                "type": "alertmanager",
                "url": "http://alertmanager:9093",
                "jsonData": {"implementation": "prometheus", "handleGrafanaManagedAlerts": False},
                **common,
            },
        ],
    }


def _provider() -> dict[str, object]:
    return {
        "apiVersion": 1,
        "providers": [
            {
                "name": "grocery",
                "type": "file",
                "folder": "Grocery List",
                "allowUiUpdates": False,
                "options": {"path": _DASHBOARDS},
            }
        ],
    }
