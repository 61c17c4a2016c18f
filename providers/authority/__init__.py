"""Private authorities that CertMate itself runs: where their keys are, and what they sign.

An authority's key is only ever asked to sign bytes, whoever keeps it (`custody`).
"""
