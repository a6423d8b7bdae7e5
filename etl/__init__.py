"""Pure functions from raw bytes to typed records, and their reference data.

Here belongs whatever reads, parses and normalises one record or one batch of records, and the contract that
says what comes out. No Dagster, no DuckDB, no state: everything can be tested in milliseconds.
"""
