"""Scrape configuration, rules, alert routing and dashboards as pure functions of one `watched.Scope`."""
