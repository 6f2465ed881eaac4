"""Weights that others have published: which format a file has, which network it belongs to, which key is which parameter."""
