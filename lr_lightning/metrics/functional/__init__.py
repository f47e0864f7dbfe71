"""Disentanglement scores as functions of codes and factors; each returns a :class:`MetricResult`."""
