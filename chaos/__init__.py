"""Faults, one after another, while photos flow; then quiet, and an audit of what was lost."""
