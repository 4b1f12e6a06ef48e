"""Published responses: rows that exist already, in files of several formats."""
