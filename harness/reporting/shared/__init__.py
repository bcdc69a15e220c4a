"""Parts that every format uses: safe text, figures, names, tables, files."""
