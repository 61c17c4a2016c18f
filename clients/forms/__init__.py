"""Forms of the admin for identities, client certificates and batches."""
