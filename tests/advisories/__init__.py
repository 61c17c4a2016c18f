"""What went wrong in programs like this one, each as a test named after what must not happen.

Told elsewhere, because the behaviour has its tests there:

- Lists that leak by count, facet, autocomplete, order or search, and pickers that offer what is
  hidden: `tests/matrix/test_hidden_admin.py`, `tests/matrix/test_hidden_api.py`.
- Bulk actions over allowed and denied rows: the table ACTIONS in `tests/matrix/tables/admin.py`.
- Removal of a group while a token lives, tasks that run as nobody in particular:
  `tests/certificates/test_rights.py`.
- Forged and foreign addresses in what an ACME server says: `tests/providers/acme/test_network.py`.

What does not apply yet:

- A subordinate CA below any parent, a path length taken from a CSR, two CAs made by a double
  click: there are no private CAs.
- URLs in an uploaded certificate that the server fetches: nothing is uploaded, and `describe`
  opens no connection.
- An ACME server that skips the limits of an account, finalizes names that it did not validate, or
  copies a CSR's extensions: CertMate is a client of ACME; what a CA answers is checked below.
- Renewal by serial alone (WSTEP), client certificates in headers (mTLS): there is no such door.
- A probe of 65,000 ports that ends in an outage, a dialog of lint findings that hides others: there
  is no discovery and no lint yet.
"""
