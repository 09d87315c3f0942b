"""How the parts of a stack call each other: aliases, ports and paths that more than one component speaks of."""

from __future__ import annotations

POSTGRES = "postgres"
POSTGRES_PORT = 5432
DATABASE = "grocery"
AUTH_SERVER = "auth-server"
AUTH_SERVER_PORT = 3001
ZERO_CACHE = "zero-cache"
ZERO_CACHE_PORT = 4848
FRONTEND = "frontend"
ACME = "acme"
ACME_PORT = 8080

# zero-cache's name for this application; its schemas and its replication slot are named after it.
ZERO_APP_ID = "grocery"
ZERO_VERSION = "1.9.0"

CA_FILE = "/etc/grocery/ca.crt"
WITH_SECRETS = "/usr/local/bin/with-secrets"
