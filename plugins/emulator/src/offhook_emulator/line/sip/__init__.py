"""Telephone calls: who rings, and the SIP line."""
