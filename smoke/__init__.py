"""`make smoke`: ten minutes on your account, one photo of each kind, and nothing is left behind."""
