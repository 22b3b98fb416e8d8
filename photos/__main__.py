"""`python -m photos`, the same as `photos`."""

from photos.cli import main

if __name__ == "__main__":
    main()
