"""Rows by Gibbs sampling."""
