"""Forms of the admin for accounts, authorities and profiles."""
