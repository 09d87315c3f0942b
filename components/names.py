"""How the parts of a stack call each other: aliases, ports and paths that more than one component speaks of."""

from __future__ import annotations

POSTGRES = "postgres"
POSTGRES_PORT = 5432
DATABASE = "grocery"
AUTH_SERVER = "auth-server"
AUTH_SERVER_PORT = 3001
ZERO_CACHE = "zero-cache"
ZERO_CACHE_PORT = 4848
EDGE = "edge"
FRONTEND = "frontend"
ACME = "acme"
ACME_PORT = 8080
BACKUPS = "backups"
BACKUPS_PORT = 8080
PGBACKREST_PORT = 8432
# Whom the certificate of the database's side of pgBackRest names; its other name is the alias it answers under.
POSTGRES_BACKUP = "postgres-backup"

# zero-cache's name for this application; its schemas and its replication slot are named after it.
ZERO_APP_ID = "grocery"
ZERO_VERSION = "1.9.0"

CA_FILE = "/etc/grocery/ca.crt"
WITH_SECRETS = "/usr/local/bin/with-secrets"

PROMETHEUS = "prometheus"
PROMETHEUS_PORT = 9090
ALERTMANAGER = "alertmanager"
ALERTMANAGER_PORT = 9093
GRAFANA = "grafana"
NODE_EXPORTER = "node-exporter"
POSTGRES_EXPORTER = "postgres-exporter"
NGINX_EXPORTER = "nginx-exporter"
BLACKBOX_EXPORTER = "blackbox-exporter"
DOCKER_FILTER = "docker-filter"
DOCKER_FILTER_PORT = 2375
COLLECTOR = "collector"
COLLECTOR_PORT = 9400
OTLP_PORT = 4318
SYNTHETIC_USER = "synthetic-user"
SYNTHETIC_USER_PORT = 9401

SYNTHETIC_PASSWORD_FILE = "SYNTHETIC_PASSWORD"  # noqa: S105 - the name of a secret
