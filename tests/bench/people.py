"""Users of the application under test."""

from __future__ import annotations

import secrets

import httpx

from tests.bench.stand import Stand

PASSWORD = "a password for the bench"


def register(stand: Stand, name: str) -> str:
    """A new account; its e-mail address."""
    email = f"{name}-{secrets.token_hex(4)}@example.com"
    answer = httpx.post(
        f"{stand.checkout.url}/api/auth/register",
        json={"email": email, "password": PASSWORD, "name": name.capitalize()},
        headers={"Origin": stand.checkout.url},
        verify=str(stand.checkout.ca_file),
        timeout=30,
    )
    answer.raise_for_status()
    return email
