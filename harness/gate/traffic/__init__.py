"""The traffic of production: read from traces, scored by an evaluation, watched for a fall, drawn from for cases."""
