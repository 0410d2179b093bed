"""Probabilities of classes, and their logarithms, both from the same logits Z (N, n_L).

Of an ensemble, Z is (R, N, n_L), and the probabilities are means over its R networks.

    softmax     P_k = exp(z_k) / Σ_j exp(z_j)
    logistic    P_k = 1 / (1 + exp(−z_k)); from one output, the columns 1 − P and P

No probability is 0: the smallest is the smallest normal number of its dtype.
"""

from __future__ import annotations

import numpy as np
from scipy.special import expit, log_expit, log_softmax, logsumexp, softmax

from xpnet.typing import Host

__all__ = ["above_zero", "log_probabilities", "probabilities"]


def probabilities(Z: Host, is_softmax: bool) -> Host:
    """Return the probabilities (N, K)."""
    if is_softmax:
        P = softmax(Z, axis=-1)
    else:
        P = np.concatenate([expit(-Z), expit(Z)], -1) if Z.shape[-1] == 1 else expit(Z)
    return above_zero(P if P.ndim == 2 else P.mean(axis=0))


def log_probabilities(Z: Host, is_softmax: bool) -> Host:
    """Return the logarithms of the probabilities (N, K), never −∞.

    Those of probabilities below ½ keep the digits of Z. Others are the logarithms of the
    probabilities themselves, so that both have the same order.
    """
    P = probabilities(Z, is_softmax)
    small = _small(Z, is_softmax)
    if small.ndim == 3:
        small = logsumexp(small, axis=0) - np.log(small.dtype.type(len(small)))
    return np.where(P < 0.5, small, np.log(np.maximum(P, 0.5)))


def above_zero(P: Host) -> Host:
    """Return P, with the smallest normal number in place of anything below it."""
    return np.asarray(np.maximum(P, np.finfo(P.dtype).tiny))


def _small(Z: Host, is_softmax: bool) -> Host:
    if is_softmax:
        return np.asarray(log_softmax(Z, axis=-1))
    pair = Z.shape[-1] == 1
    return np.asarray(np.concatenate([log_expit(-Z), log_expit(Z)], -1) if pair else log_expit(Z))
