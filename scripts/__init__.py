"""Tools for whoever works on the code: checks, pictures, catalogues."""
