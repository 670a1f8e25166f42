"""The demo: three releases of a sample shop, on real servers that exist for as long as it runs."""
