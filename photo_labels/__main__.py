"""`python -m photo_labels`, the same as `photos`."""

from photo_labels.cli import main

if __name__ == "__main__":
    main()
