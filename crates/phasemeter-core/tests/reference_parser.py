"""Reads our golden files with the reference parser, and says for each what it read: families, samples and exemplars."""

import sys

from prometheus_client.openmetrics import parser as openmetrics
from prometheus_client import parser as text


def summary(families):
    families = list(families)
    samples = [sample for family in families for sample in family.samples]
    runs = sum(sample.value for sample in samples if sample.name == "phase_runs_total")
    exemplars = sum(1 for sample in samples if sample.exemplar)
    created = sum(1 for sample in samples if sample.name.endswith("_created"))
    print(len(families), len(samples), int(runs), exemplars, created)


for path, parser in zip(sys.argv[1:], [text, openmetrics]):
    with open(path, encoding="utf-8", newline="\n") as file:
        summary(parser.text_string_to_metric_families(file.read()))
