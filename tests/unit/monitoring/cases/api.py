"""The API's latency, errors and budget."""

from __future__ import annotations

from tests.unit.monitoring.promtool import Case, Fired, Series, flat, missing, rising, then

_COUNT = "http_request_duration_seconds_count"


def latency(bounds: dict[str, float], *, route: str = "/api/zero/mutate") -> Series:
    """Requests a second by the bucket they end in, cumulated."""
    labels = f'job="auth-server",instance="a:3001",method="POST",route="{route}",status="200"'
    return {
        f'http_request_duration_seconds_bucket{{{labels},le="{bound}"}}': rising(rate)
        for bound, rate in {"0.25": 0.0, "0.5": 0.0, "1": 0.0, "2.5": 0.0, "+Inf": 0.0, **bounds}.items()
    }


def answers(rates: dict[str, str], *, route: str = "/api/account") -> Series:
    """Status -> values of its counter."""
    labels = f'job="auth-server",instance="a:3001",method="GET",route="{route}"'
    return {f'{_COUNT}{{{labels},status="{status}"}}': values for status, values in rates.items()}


_UP = {'up{job="auth-server",instance="a:3001"}': flat(1)}
_THROTTLED = 'auth_login_attempts_total{job="auth-server",instance="a:3001",result="throttled"}'

CASES = (
    Case(
        alert="HighLatency",
        when="most requests take between half a second and one",
        series=latency({"1": 10, "2.5": 10, "+Inf": 10}),
        fires=(Fired(severity="warning", summary="1 in 20 requests takes longer than 975ms"),),
    ),
    Case(
        alert="HighLatency",
        when="most requests take more than a second",
        series=latency({"2.5": 10, "+Inf": 10}),
        fires=(
            Fired(severity="warning", summary="1 in 20 requests takes longer than 2.425s"),
            Fired(severity="critical", summary="1 in 20 requests takes longer than 2.425s"),
        ),
    ),
    Case(
        alert="HighLatency",
        when="requests are answered at once",
        series=latency({"0.25": 10, "0.5": 10, "1": 10, "2.5": 10, "+Inf": 10}),
    ),
    Case(
        alert="HighLatency",
        when="only logins are slow, which a password's check is meant to be",
        series={
            **latency({"2.5": 1, "+Inf": 1}, route="/api/auth/login"),
            **latency({"0.25": 1, "0.5": 1, "1": 1, "2.5": 1, "+Inf": 1}),
        },
    ),
    Case(alert="HighLatency", when="nobody asks anything", series=latency({})),
    Case(
        alert="HighLatency",
        when="a single request of the night was slow",
        series={
            selector: then("0+0x40", "1+0x80") if 'le="2.5"' in selector or 'le="+Inf"' in selector else flat(0)
            for selector in latency({})
        },
        at=15,
    ),
    Case(
        alert="HighErrorRate",
        when="2 of 100 requests fail",
        series=answers({"200": rising(9.8), "503": rising(0.2)}),
        fires=(Fired(severity="warning", summary="2% of requests fail on the server's side"),),
    ),
    Case(
        alert="HighErrorRate",
        when="one in ten requests fails",
        series=answers({"200": rising(9), "500": rising(0.5), "503": rising(0.5)}),
        fires=(
            Fired(severity="warning", summary="10% of requests fail on the server's side"),
            Fired(severity="critical", summary="10% of requests fail on the server's side"),
        ),
    ),
    Case(
        alert="HighErrorRate",
        when="clients ask for what they may not have",
        series=answers({"200": rising(1), "401": rising(1), "404": rising(1), "429": rising(1)}),
    ),
    Case(
        alert="HighErrorRate",
        when="only those who probe are refused, as while draining",
        series={
            **answers({"200": rising(1)}),
            **answers({"503": rising(1)}, route="/health/ready"),
        },
    ),
    Case(alert="HighErrorRate", when="nobody asks anything", series=answers({"200": flat(100), "500": flat(10)})),
    Case(
        alert="HighErrorRate",
        when="a single request of the night failed",
        series=answers({"200": rising(0.01), "500": then("0+0x40", "1+0x80")}),
        at=15,
    ),
    Case(
        alert="ErrorBudgetBurn",
        when="2 of 100 requests fail for half an hour",
        series=answers({"200": rising(9.8), "503": rising(0.2)}),
        fires=(
            Fired(severity="critical", summary="2% of requests failed, more than 0.1 % a month allows for"),
            Fired(severity="warning", summary="2% of requests failed, more than 0.1 % a month allows for"),
        ),
    ),
    Case(
        alert="ErrorBudgetBurn",
        when="1 of 200 requests fails",
        series=answers({"200": rising(19.9), "503": rising(0.1)}),
        fires=(Fired(severity="warning", summary="0.5% of requests failed, more than 0.1 % a month allows for"),),
    ),
    Case(
        alert="ErrorBudgetBurn",
        when="what failed for ten minutes is mended since",
        series=answers({"200": rising(10), "503": then(rising(1, minutes=10), flat(600, minutes=50))}),
        at=46,
        # The long time still shows it, the short one does not.
        fires=(Fired(severity="warning", summary="2.241% of requests failed, more than 0.1 % a month allows for"),),
    ),
    Case(
        alert="ErrorBudgetBurn",
        when="one of a handful of requests failed",
        series=answers({"200": rising(0.005), "500": then("0+0x40", "1+0x80")}),
    ),
    Case(
        alert="LoginsThrottled",
        when="somebody tries passwords, for the first time",
        series={**_UP, _THROTTLED: then(missing(16), flat(40))},
        fires=(
            Fired(
                severity="warning",
                summary="40 logins were refused in 15 minutes after too many wrong passwords",
            ),
        ),
    ),
    Case(
        alert="LoginsThrottled",
        when="that was long ago",
        series={**_UP, _THROTTLED: flat(40)},
    ),
    Case(
        alert="LoginsThrottled",
        when="nobody watched a quarter of an hour ago",
        series={
            'up{job="auth-server",instance="a:3001"}': then(missing(16), flat(1)),
            _THROTTLED: then(missing(16), flat(40)),
        },
    ),
)
