"""Rapport: an assistant that answers the questions of a psychotherapy clinic's visitors."""
