"""The stacks, and the tool that deploys them."""
