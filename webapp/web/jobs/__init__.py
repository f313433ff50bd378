"""Asking for reports, following and downloading them."""
