"""Counts as CloudWatch metrics."""

from aws_lambda_powertools import Metrics
from aws_lambda_powertools.metrics import MetricUnit

from responder.domain.ports import Count


def counting(metrics: Metrics) -> Count:
    """What counts with these metrics. Nothing of something is not worth a line."""

    def count(name: str, number: int) -> None:
        if number:
            metrics.add_metric(name, MetricUnit.Count, number)

    return count
