"""Benchmarks of xpnet, which write their results into ``results``.

``python -m benchmarks`` runs those of training and prediction, and the tests by random steps
(fuzz), bad calls (calls) and damaged files (files). The others run as ``python -m
benchmarks.NAME``. So does ``tables``, which writes the results into the docs.
"""
