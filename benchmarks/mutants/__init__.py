"""Mutation testing: small changes of the core, each of which a test should notice."""
