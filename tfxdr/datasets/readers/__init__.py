"""Reading files into DuckDB; malformed rows are told, none is lost."""
