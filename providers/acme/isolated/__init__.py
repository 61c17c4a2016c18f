"""What runs in the child process only: certbot, acme and josepy are imported nowhere else."""
