"""`make smoke`: ten minutes on an account of yours, one photo of each kind, and nothing left behind."""
