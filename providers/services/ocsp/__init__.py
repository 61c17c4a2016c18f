"""OCSP: who signs answers, when they are made, and what a client is given."""
