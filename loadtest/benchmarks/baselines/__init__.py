"""The function as one finds it elsewhere: what `make bench` measures ours against.

Written as the libraries' own documentation has it. With ROWS=1 in its environment a baseline writes what ours
writes, the document and its index rows; otherwise the document alone, as samples do.
"""
