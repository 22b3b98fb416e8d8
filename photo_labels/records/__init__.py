"""What the function and the tools share: what is stored, in which form, and how photos are decoded.

All of it is in the image, and nothing of it imports anything of ours from elsewhere.
"""
