"""Benchmarks of xpnet, which write what they measured into ``results``.

``python -m benchmarks`` has those of training and prediction; the others run as
``python -m benchmarks.NAME``, and so does ``tables``, which brings the results into the docs.
"""
