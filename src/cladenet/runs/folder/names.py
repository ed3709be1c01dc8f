"""Names of files in a run's folder, for those who look at runs without loading what trains them."""

CONFIG = "config.yaml"
METRICS = "metrics.jsonl"
TIMING = "timing.jsonl"
REPORT = "report.html"
RESULT = "result.json"
LOCK = "run.lock"
