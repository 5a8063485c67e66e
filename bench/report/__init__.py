"""Records in, pages, plots and sentences out."""
