"""OCSP (RFC 6960, lightweight profile RFC 9919): requests read, responses built but not signed."""
