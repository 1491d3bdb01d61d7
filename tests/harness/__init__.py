"""What the e2e and compat tests share: real clusters of real processes, and a plain v1 scheduler."""
