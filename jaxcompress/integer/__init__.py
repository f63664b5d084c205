"""Entropy-parameter networks in exact integer arithmetic, so that streams decode on every device."""

