"""What Prometheus is told by `gate serve`: names are a contract, see docs/metrics.md."""

from prometheus_client import CollectorRegistry, Counter, Gauge, Histogram
from prometheus_client.exposition import CONTENT_TYPE_LATEST, generate_latest

ANSWER_SECONDS = (0.01, 0.025, 0.05, 0.1, 0.25, 0.5, 1, 2, 3)


class Measures:
    """The figures of this process; nothing is global, so that tests and replicas do not share them."""

    def __init__(self) -> None:
        """All figures at zero."""
        self.registry = CollectorRegistry()
        self.answers = Counter(
            "gate_http_answers_total", "Answers of the endpoint.", ["route", "status"], registry=self.registry
        )
        self.seconds = Histogram(
            "gate_http_answer_seconds",
            "Time from the head of a request to its answer.",
            ["route"],
            buckets=ANSWER_SECONDS,
            registry=self.registry,
        )
        self.slack_refusals = Counter(
            "gate_slack_refusals_total",
            "Requests to the Slack door that were refused before anything was decided.",
            ["reason"],
            registry=self.registry,
        )
        self.slack_failures = Counter(
            "gate_slack_failures_total",
            "Calls to Slack that did not do what was asked, by what they were for.",
            ["for"],
            registry=self.registry,
        )
        self.store_up = Gauge(
            "gate_store_up", "1 when the store answered the last scrape, else 0.", registry=self.registry
        )
        self.defects = Counter(
            "gate_http_defects_total", "Requests that met an error nobody foresaw.", registry=self.registry
        )

    def exposition(self) -> tuple[bytes, str]:
        """Every figure in Prometheus' text format, and its media type."""
        return generate_latest(self.registry), CONTENT_TYPE_LATEST
